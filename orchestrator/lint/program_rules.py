"""Rules about programs and what is passed to them: each looks at one step, or one command of a rollback."""

import re
from collections.abc import Iterator

from orchestrator.lint.finding import Check, Edit, Found, Rule, Severity
from orchestrator.lint.shell_text import VALUE, Call, Word, names_in
from orchestrator.lint.subject import Subject

PULL = Rule(
    id="git-pull-without-ref",
    severity=Severity.WARNING,
    summary="`git pull` takes whatever the branch holds at that moment.",
    why="Two hosts of one run may get different commits, no plan says which, and there is no way back by name.",
    fix="Name what is deployed: `git fetch --tags origin && git checkout -q {{ release }}`.",
)
ASKS = Rule(
    id="asks-for-an-answer",
    severity=Severity.WARNING,
    summary="A package manager without `-y` asks, and there is nobody to answer.",
    why="A command has nothing on its stdin: it takes that for a no, and fails.",
    fix="Write `-y`. (`--fix` does.)",
)
REMOVAL = Rule(
    id="removal-of-a-value",
    severity=Severity.WARNING,
    summary="`rm -r` of a path that begins with a value, which may be empty.",
    why="`rm -rf {{ folder }}/cache` is `rm -rf /cache` where `folder` is empty.",
    fix="Begin the path yourself, `/srv/{{ name }}/cache`, or give the parameter a `pattern` that no empty "
    "text matches.",
)
DASH = Rule(
    id="value-may-start-with-dash",
    severity=Severity.WARNING,
    summary="A value from the caller stands where a program takes options, and may begin with `-`.",
    why="Quoting makes a value one word; it does not keep a program from taking `--upload-pack=...` for an option.",
    fix="Give the parameter a `pattern`, such as `v\\d+\\.\\d+`, or write `--` before the value where the "
    "program knows that.",
)
RAW = Rule(
    id="value-passed-raw",
    severity=Severity.WARNING,
    summary="A value goes into a command unquoted (`| raw`), so that it is a program.",
    why="Whoever sets the value decides what is run. In a plan the command shows what it has become.",
    fix="Leave `| raw` out, or ignore this with a reason that says where the value comes from.",
)
_MANAGERS = frozenset({"apt", "apt-get", "aptitude", "yum", "dnf", "zypper"})
_ASKING = frozenset(
    {"install", "remove", "purge", "upgrade", "dist-upgrade", "full-upgrade", "autoremove", "update", "reinstall"}
)
_ANSWERED = frozenset({"--yes", "--assume-yes", "--assumeyes", "-qq", "--non-interactive", "-n", "--no", "--assume-no"})
_WITH_A_WORD = frozenset({"-C", "-c", "--git-dir", "--work-tree"})
_NO_OPTIONS = frozenset({"echo", "printf", "test", "[", "exit", "true", "false", ":"})
_RAW = re.compile(r"\{\{[^}]*\|\s*raw\b")


def _pulls(subject: Subject) -> Iterator[Found]:
    for call in subject.calls:
        words = _without_options(call, with_a_word=_WITH_A_WORD) if call.name == "git" else []
        if words and words[0].plain == "pull" and len(words) < 3:
            yield Found(
                origin=subject.word_origin(words[0]),
                path=subject.path,
                problem="what is pulled depends on the moment, and may differ from host to host",
                fix="write `git fetch --tags origin && git checkout -q {{ release }}`",
            )


def _asks(subject: Subject) -> Iterator[Found]:
    for call in subject.calls:
        words = call.arguments() if call.name in _MANAGERS else []
        options = [word.plain for word in words if word.plain.startswith("-")]
        answered = any(o in _ANSWERED or re.fullmatch(r"-[a-z]*y[a-z]*", o) or VALUE in o for o in options)
        wanted = next((word for word in words if not word.plain.startswith("-")), None)
        if answered or wanted is None or wanted.plain not in _ASKING:
            continue
        if wanted.plain == "update" and call.name in ("apt", "apt-get", "aptitude"):
            continue  # of the lists of packages, which nobody is asked about
        origin = subject.word_origin(wanted)
        old = wanted.text
        yield Found(
            origin=origin,
            path=subject.path,
            problem=f"{call.name} {wanted.plain} asks, and nobody is there to answer",
            fix="write -y",
            edits=(Edit(origin=origin, old=old, new=f"{old} -y"),) if subject.body.kind == "run" else (),
        )


def _removals(subject: Subject) -> Iterator[Found]:
    for call in subject.calls:
        words = call.arguments() if call.name == "rm" else []
        if not any(re.fullmatch(r"-[a-zA-Z]*[rR][a-zA-Z]*|--recursive", word.plain) for word in words):
            continue
        for word in words:
            value = re.match(f"{VALUE}+", word.plain)
            if not value or not word.plain[value.end() :].startswith("/"):
                continue
            source = subject.body.texts[word.number].source
            names = [*names_in(source, word.at, len(word.text))]
            if names and names[0] in subject.values.filled:
                continue
            problem = f"where {names[0] if names else 'the value'} is empty, this removes {_left(word.plain)}"
            fix = "begin the path yourself, or give the parameter a pattern"
            yield Found(origin=subject.word_origin(word), path=subject.path, problem=problem, fix=fix)


def _left(word: str) -> str:
    return re.sub(f"{VALUE}+", "{{ }}", word.lstrip(VALUE))


def _dashes(subject: Subject) -> Iterator[Found]:
    for call in subject.calls:
        if call.name in _NO_OPTIONS:
            continue
        for word in call.arguments():
            if word.plain == "--":
                break
            source = subject.body.texts[word.number].source
            names = [*names_in(source, word.at, len(word.text))] if word.plain.startswith(VALUE) else []
            if names and names[0] in subject.values.dashing:
                problem = f"{call.name} takes {names[0]} for an option if it begins with -"
                fix = "give the parameter a pattern, or write -- before it"
                yield Found(origin=subject.word_origin(word), path=subject.path, problem=problem, fix=fix)


def _raw(subject: Subject) -> Iterator[Found]:
    for number, text in enumerate(subject.body.texts):
        for found in _RAW.finditer(text.source):
            problem = "this value is no word but a program"
            fix = "leave | raw out, or say in an ignore where it comes from"
            yield Found(origin=subject.place(found.start(), number), path=subject.path, problem=problem, fix=fix)


def _without_options(call: Call, *, with_a_word: frozenset[str]) -> list[Word]:
    """The arguments that are no options, nor the words of those that take one."""
    found: list[Word] = []
    words = iter(call.arguments())
    for word in words:
        if word.plain in with_a_word:
            next(words, None)
        elif not word.plain.startswith("-"):
            found.append(word)
    return found


PROGRAM_RULES: tuple[Check[Subject], ...] = (
    Check(rule=PULL, look=_pulls),
    Check(rule=ASKS, look=_asks),
    Check(rule=REMOVAL, look=_removals),
    Check(rule=DASH, look=_dashes),
    Check(rule=RAW, look=_raw),
)
