"""Rules about shell text: what becomes of an exit status, of a background, and of what only bash knows."""

from collections.abc import Iterator

from orchestrator.lint.finding import Check, Edit, Found, Rule, Severity
from orchestrator.lint.shell_text import Call, Word
from orchestrator.lint.subject import Subject

PIPE = Rule(
    id="pipe-without-pipefail",
    severity=Severity.WARNING,
    summary="The exit status of a pipe is that of its last command; what fails before it is not seen.",
    why="`./dump | gzip > dump.gz` is ok although `./dump` failed, and the next step begins.",
    fix="Write the first command's output to a file and go on with `&&`; or run it by bash, which has pipefail: "
    "`argv: [bash, -c, 'set -o pipefail; ./dump | gzip > dump.gz']`. Debian's `sh` is dash, which has none. "
    "A step whose `failed_when` decides is not looked at, nor a pipe into `grep`, which fails without input.",
)
BACKGROUND = Rule(
    id="background-holds-pipe",
    severity=Severity.WARNING,
    summary="In a plain step, what `&` leaves running holds the step until it ends, unless its output goes elsewhere.",
    why="The guest's agent calls a command ended when nobody has its output open any more. With `exec: plain` nothing "
    "stands between the two, so the step runs until its `timeout`, and is `timed_out` though its command has exited.",
    fix="Send both outputs elsewhere, `./worker >worker.log 2>&1 &`; or leave `exec: plain` out.",
)
UNSEEN = Rule(
    id="background-unseen",
    severity=Severity.WARNING,
    summary="Nobody learns how a command ends that `&` leaves running.",
    why="The step is ok once its other commands are; a service that dies at once is found out by users.",
    fix="Write a step with `background: true`, which must live for a second, or `wait` for it.",
)
BASHISM = Rule(
    id="not-of-sh",
    severity=Severity.WARNING,
    summary="Something of bash stands in a command, which `sh` runs.",
    why="On Debian and Ubuntu `sh` is dash, on Alpine busybox: `[[`, `source`, `<<<`, `<(...)`, `&>` and `==` in `[` "
    "are errors there, or, worse, mean something else: `cmd &> log` leaves cmd running and empties the file.",
    fix="Write what sh has (`[ ... ]`, `.`, `=`, `>log 2>&1`; `--fix` does the simple ones), or "
    "`argv: [bash, -c, '...']`.",
)
LINES = Rule(
    id="failure-passed-over",
    severity=Severity.WARNING,
    summary="A command fails, and the next line is run all the same.",
    why="A script's exit status is that of its last command. After `cd /srv/app` has failed, `rm -rf cache` is run in "
    "HOME, and the step is ok.",
    fix="Begin with `set -e`, or join the commands by `&&`. Scripts with `if`, `for` and the like are not looked at.",
)
_SAFE_BEFORE_A_PIPE = frozenset({"echo", "printf", "yes", "true", ":"})
_FAILS_WITHOUT_INPUT = frozenset({"grep", "egrep", "fgrep", "zgrep", "cmp", "diff"})
_CANNOT_FAIL = frozenset(
    {
        "echo",
        "printf",
        "true",
        ":",
        "export",
        "unset",
        "set",
        "trap",
        "umask",
        "sleep",
        "exit",
        "wait",
        "local",
        "return",
    }
)


def _pipes(subject: Subject) -> Iterator[Found]:
    if subject.judged or any("pipefail" in text for text in subject.texts):
        return
    line: list[Call] = []
    for call in subject.calls:
        line.append(call)
        if call.after in ("|", "|&"):
            continue
        before = line[:-1]
        conditional = line[0].opens in ("if", "elif", "while", "until", "!")
        unsafe = [each for each in before if each.name not in _SAFE_BEFORE_A_PIPE]
        if unsafe and not conditional and call.name not in _FAILS_WITHOUT_INPUT:
            problem = f"if {unsafe[0].name or 'what comes before it'} fails here, the step is ok all the same"
            yield Found(
                origin=subject.place(unsafe[0].after_at),
                path=subject.path,
                problem=problem,
                fix="write its output to a file first, or run this by bash with pipefail",
            )
        line = []


def _backgrounds(subject: Subject) -> Iterator[Call]:
    if subject.background or any(call.name == "wait" for call in subject.calls):
        return
    yield from (call for call in subject.calls if call.after == "&")


def _holds_pipe(subject: Subject) -> Iterator[Found]:
    for call in _backgrounds(subject) if subject.plain else ():
        sent = {word.text.lstrip("<") for word in call.redirects}
        both = any(word.startswith("&>") for word in sent)
        if not (both or (sent & {">", ">>", "1>", "1>>"} and any(word.startswith("2>") for word in sent))):
            problem = f"{call.name or 'what stands before it'} keeps the agent's pipes, and the step waits for it"
            fix = "write `>FILE 2>&1 &`, or leave `exec: plain` out"
            yield Found(origin=subject.place(call.after_at), path=subject.path, problem=problem, fix=fix)


def _unseen(subject: Subject) -> Iterator[Found]:
    for call in _backgrounds(subject) if not subject.plain else ():
        problem = f"nobody learns how {call.name or 'what `&` leaves running'} ends"
        fix = "write a step with `background: true`, or `wait` for it"
        yield Found(origin=subject.place(call.after_at), path=subject.path, problem=problem, fix=fix)


def _bashisms(subject: Subject) -> Iterator[Found]:
    if subject.body.kind != "run":
        return
    for call in subject.calls:
        first = call.arguments(of_all=True)[:1]
        if call.name == "[[":
            yield _not_of_sh(subject, first[0], "[[ ... ]] is of bash", "write [ ... ], or run this by bash")
        elif call.name == "source":
            yield _not_of_sh(subject, first[0], "source is of bash", "write .", instead=".")
        elif call.name in ("[", "test"):
            for word in call.arguments():
                if word.text == "==":
                    yield _not_of_sh(subject, word, f"== in {call.name} is of bash", "write =", instead="=")
        for word in call.redirects:
            if word.text.lstrip("0123456789") in ("<<<", "<(", ">(", "&>", "&>>"):
                fix = "write >FILE 2>&1" if "&" in word.text else "run this by bash, or write to a file first"
                yield _not_of_sh(subject, word, f"{word.text} is of bash", fix)


def _not_of_sh(subject: Subject, word: Word, problem: str, fix: str, *, instead: str = "") -> Found:
    origin = subject.word_origin(word)
    edits = (Edit(origin=origin, old=word.text, new=instead),) if instead else ()
    return Found(origin=origin, path=subject.path, problem=f"{problem}, and sh runs this", fix=fix, edits=edits)


def _passed_over(subject: Subject) -> Iterator[Found]:
    calls = subject.calls
    if subject.judged or subject.body.kind != "run" or any(call.opens not in ("", "!") for call in calls):
        return
    line: list[Call] = []
    for number, call in enumerate(calls):
        if call.name == "set" and any("e" in word.plain for word in call.arguments()):
            return
        line.append(call)
        if call.after in ("&&", "||", "|", "|&"):
            continue
        guarded = any(each.after == "||" for each in line)
        failing = next((each for each in line if each.words and each.name not in _CANNOT_FAIL), None)
        last = number == len(calls) - 1
        if failing and not guarded and not last and call.after == ";":
            problem = f"where {failing.name} fails, what comes after it is run all the same"
            origin = subject.word_origin(failing.words[0])
            yield Found(origin=origin, path=subject.path, problem=problem, fix="begin with `set -e`, or write &&")
            return
        line = []


SHELL_RULES: tuple[Check[Subject], ...] = (
    Check(rule=PIPE, look=_pipes),
    Check(rule=LINES, look=_passed_over),
    Check(rule=BACKGROUND, look=_holds_pipe),
    Check(rule=UNSEEN, look=_unseen),
    Check(rule=BASHISM, look=_bashisms),
)
