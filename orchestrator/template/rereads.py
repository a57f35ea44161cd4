"""Which words of a command, and which of its input, a shell reads again as a program.

A value there would be a program, however well it is quoted for the first shell. It can stand there with `| quote`,
bare in that program: so the program is read by the same lexer.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from orchestrator.template.commands import (
    CLOSERS,
    VALUE,
    Document,
    Finding,
    Pipeline,
    Word,
    name_of,
    operands,
    program,
    start,
)
from orchestrator.template.contexts import WORDS
from orchestrator.template.placing import Place
from orchestrator.template.refusal import Refusal, Unless

SHELLS = frozenset("sh bash dash ash ksh ksh93 mksh zsh rbash rksh yash fish csh tcsh $SHELL ${SHELL} $BASH $0".split())
WRAPPERS = frozenset(
    "sudo doas env nice ionice nohup timeout time setsid exec command builtin busybox xargs flock chroot stdbuf chrt"
    " taskset unshare nsenter runuser su docker podman kubectl lxc incus systemd-run find sshpass strace gosu"
    " su-exec torsocks ip tini dumb-init chpst setpriv machinectl pct".split()
)
"""Programs that run the program which some later word of theirs names."""

_REMOTE = frozenset("ssh autossh rsh dbclient slogin".split())
_JOINED = frozenset("eval watch alias parallel fc compgen complete".split())
"""Programs that run the text of their arguments."""
_OPTION_C = frozenset("su runuser flock script vagrant sg".split())
_LONG_C = ("--command", "--session-command")
_STDIN = frozenset("at batch crontab".split())
_OF_SSH = frozenset(f"-{letter}" for letter in "BbcDEeFIiJLlmOopQRSWw")
_OF_SHELL = frozenset("-o +o -O +O --rcfile --init-file".split())
_OF_SUDO = frozenset("-u -g -h -p -C -r -t -T -U -R -D".split())
_RUNS = ("proxycommand", "localcommand", "knownhostscommand", "remotecommand", "match")
"""Options of ssh whose text is run by a shell."""

_COUNTING = _REMOTE | _OPTION_C | frozenset("tmux test [ [[ print wait set export readonly local".split())
"""Programs to which it matters which of their words a word is."""

_READERS = "|".join(map(re.escape, sorted(SHELLS | _REMOTE | _STDIN | {"su", "runuser", "/dev/stdin"})))
_MORE = re.compile(rf"\s-(eq|ne|lt|le|gt|ge)\s|(?<!\|)\|(?!\|).*(?<!\w)({_READERS})(?!\w)", re.DOTALL)
"""Beside what a value is evaluated, and what reads a program from a pipe."""

_Places = Callable[[tuple[str, ...]], tuple[Place, ...]]


def findings(pipeline: Pipeline, values: int, places: _Places) -> Iterator[Finding]:
    """What is read again. values: how many values there are. places: says where values stand in a program."""
    for at, command in enumerate(pipeline.commands):
        for name, code in _codes(command.words):
            yield from _in_program(" ".join(word.text for word in code), _values(code), name, places)
            printed = [value for word in code for value in word.printed]
            yield from (Finding(value=value, refusal=_printed(name)) for value in printed)
        yield from _in_options(command.words)
        yield from _split(command.words)
        if not (name := _reader(command.words)):
            continue
        if command.documents:
            document: Document = command.documents[-1]
            yield from _in_program(document.text, document.values, name, places)
            yield from (Finding(value=value, refusal=_printed(name)) for value in document.printed)
        elif at:
            before = pipeline.commands[:at]
            compound = any(not each.words or each.words[0].bare in CLOSERS for each in before)
            first = pipeline.level if compound else before[0].first
            documents = [value for each in before for document in each.documents for value in document.values]
            fed = {*range(first, min(command.first, values)), *documents}
            yield from (Finding(value=value, refusal=_piped(name)) for value in sorted(fed))


def _values(words: Sequence[Word]) -> list[int]:
    return [value for word in words for value in word.values]


def _in_program(text: str, values: Sequence[int], name: str, places: _Places) -> Iterator[Finding]:
    """The program's own places for values, and what of them is left when it is itself an argument."""
    if not values:
        return
    for value, place in zip(values, places(tuple(text.split(VALUE))), strict=True):
        inner = place.refusal
        if inner and inner.unless is Unless.NUMBER:
            yield Finding(value=value, refusal=inner)
        elif inner and inner.unless is Unless.QUOTED:
            yield Finding(value=value, refusal=_thrice(name))
        elif inner:
            problem = f"{inner.problem} ({name} reads this again, as a program)"
            yield Finding(value=value, refusal=Refusal(problem=problem, fix=inner.fix))
        elif place.context not in WORDS:
            yield Finding(value=value, refusal=_not_bare(name))
        else:
            yield Finding(value=value, refusal=_again(name))


def _again(name: str) -> Refusal:
    fix = "write {{ value | quote }}"
    fix += ", or hand it over as an argument: sh -c 'echo \"$1\"' sh {{ value }}" if name != "ssh" else ""
    return Refusal(problem=f"{name} reads this again, as a program", fix=fix, unless=Unless.QUOTED)


def _not_bare(name: str) -> Refusal:
    problem = f"{name} reads this again, as a program, and the value stands in quotes there"
    fix = "take the inner quotes away and write {{ value | quote }}"
    return Refusal(problem=problem, fix=fix, unless=Unless.NUMBER)


def _thrice(name: str) -> Refusal:
    problem = f"{name} reads this again, and what it runs does so once more"
    fix = "write the inner program to a file, and the value as its argument"
    return Refusal(problem=problem, fix=fix, unless=Unless.NUMBER)


def _printed(name: str) -> Refusal:
    fix = 'hand it over as an argument: sh -c \'echo "$1"\' sh "$(...)"'
    return Refusal(problem=f"{name} reads what $(...) prints, as a program", fix=fix, unless=Unless.NUMBER)


def _piped(name: str) -> Refusal:
    fix = f"write {name} <<'END' with {{{{ value | quote }}}} in it"
    if name == "crontab":  # it takes no arguments to hand over
        fix += ", or write a file in /etc/cron.d, and end a number with | int"
    elif name not in _STDIN:
        fix += ", or hand it over as an argument"
    return Refusal(problem=f"{name} reads what is piped into it as a program", fix=fix, unless=Unless.NUMBER)


def _programs(words: Sequence[Word]) -> Iterator[tuple[int, str]]:
    """The words that name the program, or may: after a wrapper any can. Shells are looked for everywhere."""
    first = start(words)
    for at in range(first, len(words)):
        name = name_of(words[at])
        if at == first or name in SHELLS or words[at - 1].bare == "{" or program(words) in (VALUE, *WRAPPERS):
            yield at, name


def _codes(words: Sequence[Word]) -> Iterator[tuple[str, Sequence[Word]]]:
    """The programs among the arguments: who reads them, and the words that are joined to one."""
    for at, name in _programs(words):
        rest = words[at:]
        if name in SHELLS:
            if code := _code_of_shell(rest):
                yield name, [code]
        elif name in _REMOTE:
            remote = [word for _, word in operands(rest, _OF_SSH)][:1]
            if remote:
                yield name, rest[rest.index(remote[0]) + 1 :]
        elif name in _JOINED:
            yield name, rest[1:]
        elif name == "trap":
            yield from ((name, [word]) for _, word in list(operands(rest))[:1])
        elif name == "tmux" and any(word.text.startswith(("send", "new", "split", "respawn", "run")) for word in rest):
            yield name, [word for _, word in operands(rest, frozenset({"-t", "-s", "-n", "-c"}))][1:]
        if name in _OPTION_C:
            yield from ((name, [code]) for code in _after_option_c(rest))


def counts(words: Sequence[Word], at: int) -> bool:
    """Whether it matters to a program which of its words the one at this index is: several cannot stand there."""
    for first, name in _programs(words):
        if first < at and name in SHELLS:
            return any(first + index >= at for index, _ in [*operands(words[first:], _OF_SHELL)][:1])
        if first < at and (name in _COUNTING or (name == "printf" and at == first + 1)):
            return not any(word.text == "--" for word in words[first:at]) or name != "set"
    return False


def _code_of_shell(words: Sequence[Word]) -> Word | None:
    """The program of `sh -c PROGRAM`; None where there is no -c."""
    first = next(operands(words, _OF_SHELL), None)
    options = words[1 : first[0] if first else len(words)]
    has_c = any(_has_c(word.text) for word in options)
    return first[1] if first and has_c else None


def _has_c(option: str) -> bool:
    return option[:1] in ("-", "+") and option[:2] != "--" and "c" in option


def _after_option_c(words: Sequence[Word]) -> Iterator[Word]:
    for at, word in enumerate(words[1:], 1):
        if word.text in ("-c", "-lc", *_LONG_C):
            yield from words[at + 1 : at + 2]
        elif word.text.startswith(tuple(f"{option}=" for option in _LONG_C)):
            yield Word(word.text.partition("=")[2], "", word.values, word.printed)
        elif word.text.startswith("-c"):
            yield Word(word.text[2:], "", word.values, word.printed)


def unread(rest: str, values: int) -> Iterator[Finding]:
    """All values before this rest of a text, which could not be read, where it may pipe them into a shell."""
    if _MORE.search(rest):
        problem = "what follows it cannot be read for sure, and may hand it to a shell, or have it evaluated"
        refusal = Refusal(problem=problem, fix="write {{ value }} in a step of its own", unless=Unless.NUMBER)
        yield from (Finding(value=value, refusal=refusal) for value in range(values))


def _in_options(words: Sequence[Word]) -> Iterator[Finding]:
    """`ssh -o {{ option }}`, which may be ProxyCommand."""
    for at, name in _programs(words):
        if name not in (*_REMOTE, "scp", "sftp"):
            continue
        for before, word in zip(words[at:], words[at + 1 :], strict=False):
            text = word.text.removeprefix("-o") if word.text.startswith("-o") else word.text
            if (before.text == "-o" or text != word.text) and (word.values or word.printed):
                option = text.lower().lstrip()
                if option.startswith((VALUE, "$", *_RUNS)):
                    fix = "name the option in the command, as in -o ConnectTimeout={{ seconds }}"
                    refusal = Refusal(problem=f"an option of {name} can run a program", fix=fix)
                    yield from (Finding(value=value, refusal=refusal) for value in (*word.values, *word.printed))


def _split(words: Sequence[Word]) -> Iterator[Finding]:
    """`[ $(cat {{ file }}) = x ]`: what it prints may be `-v a[$(reboot)]`, four words for one."""
    name = program(words)
    for at, word in enumerate(words):
        if word.splits and name != "[[" and counts(words, at):
            problem = f"what $(...) prints is several words for {name}, which may make more of them than data"
            refusal = Refusal(problem=problem, fix='write "$(...)" in double quotes', unless=Unless.NUMBER)
            yield from (Finding(value=value, refusal=refusal) for value in word.printed)


def _reader(words: Sequence[Word]) -> str:
    """The program that reads its stdin as a shell program; '' for none."""
    for at, name in _programs(words):
        rest = words[at:]
        if name in SHELLS:
            file = next(operands(rest, _OF_SHELL), None)
            reads = any(word.text[:1] == "-" and word.text[:2] != "--" and "s" in word.text for word in rest[1:])
            if not _code_of_shell(rest) and (file is None or reads or file[1].text == "/dev/stdin"):
                return name
        elif name in _REMOTE:
            if not [word for _, word in operands(rest, _OF_SSH)][1:]:
                return name
            if _reads_remotely(rest):
                return name
        elif name in ("su", "runuser"):
            if not list(_after_option_c(rest)):
                return name
        elif name == "sudo":
            flags = [word.text for word in rest[1:] if word.text[:1] == "-"]
            if not list(operands(rest, _OF_SUDO)) and {"-s", "-i", "-si", "--login", "--shell"} & {*flags}:
                return name
        elif name in _STDIN or _reads_stdin(name, rest):
            return name
    return ""


def _reads_remotely(words: Sequence[Word]) -> bool:
    """`ssh host bash -s`, `ssh host 'sudo bash -s'`."""
    remote = [word for _, word in operands(words, _OF_SSH)][1:]
    inner = [Word(text, text) for word in remote for text in word.text.split()]
    return bool(_reader(inner))


def _reads_stdin(name: str, words: Sequence[Word]) -> bool:
    """`. /dev/stdin`; and `xargs -I{} sh -c '...{}'`: what it reads becomes part of a program."""
    if name in (".", "source"):
        return any(word.text == "/dev/stdin" for word in words[1:])
    replaced = name == "xargs" and any(word.text.startswith(("-I", "-i", "--replace")) for word in words)
    return replaced and any(True for _ in _codes(words[1:]))
