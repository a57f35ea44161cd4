"""Which words of a command a shell evaluates, quoted or not: numbers, and the names of variables.

In `a[$(reboot)]`, as a number or as a name, bash, mksh and zsh run what stands in the brackets. Only a whole number can
stand where they would look. Each row was seen to be needed in one of them.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from orchestrator.template.commands import VALUE, Finding, Word, assigned, name_of, operands, program, readings, start
from orchestrator.template.refusal import Refusal, Unless

_COMPARES = frozenset("-eq -ne -lt -le -gt -ge".split())
_TESTS = frozenset("test [ [[".split())
_COUNTS = frozenset("shift exit return break continue ulimit logout bye".split())
"""Built-in commands whose argument mksh or zsh evaluates."""
_DECLARES = frozenset("declare typeset integer float nameref let".split())
"""They evaluate, or read again, all of an assignment in some form: `declare -a x='(...)'`, `let`."""
_NAMES = frozenset("unset read getopts mapfile readarray vared".split())
_EXPORTS = frozenset("export readonly local".split())
_PLAIN = frozenset("-r -x -p -f -g -rx -xr --".split())
"""Options of these that change nothing of how a value is read."""
INTEGERS = frozenset(
    "RANDOM SECONDS OPTIND LINENO COLUMNS LINES TMOUT HISTSIZE HISTCMD SHLVL PPID PGRP UID EUID GID EGID ERRNO FUNCNEST"
    " USER_ID KSHUID KSHEGID KSHEUID KSHGID EPOCHSECONDS SAVEHIST KEYTIMEOUT LISTMAX DIRSTACKSIZE BASHPID"
    " SRANDOM".split()
)
"""Variables that are numbers from the start: what is assigned to them is evaluated."""
PROMPTS = frozenset("PS0 PS1 PS2 PS3 PS4 PROMPT PROMPT_COMMAND RPROMPT SPROMPT".split())
"""Variables that are expanded when they are used: PS4 by `set -x`."""


def findings(words: Sequence[Word]) -> Iterator[Finding]:
    """The values of a command that are evaluated."""
    for reading in readings(words):
        for word, refusal in _evaluated(reading):
            yield from (Finding(value=value, refusal=refusal) for value in (*word.values, *word.printed))


def declares_integers(words: Sequence[Word]) -> bool:
    """Whether some variable is a number from here on: each `n={{ value }}` after that is evaluated."""
    if not (name := _built_in(words)[:1]):
        return False
    options = any(word.text[:1] == "-" and "i" in word.text for word in words)
    return name[0].text == "integer" or (name[0].text in (_DECLARES | _EXPORTS) and options)


def _built_in(words: Sequence[Word]) -> Sequence[Word]:
    """The command from its built-in on: `command` and `builtin` may stand before it."""
    rest = words[start(words) :]
    while rest and rest[0].text in ("command", "builtin", "-p"):
        rest = rest[1:]
    return rest


def _evaluated(words: Sequence[Word]) -> Iterator[tuple[Word, Refusal]]:
    yield from _assignments(words)
    yield from _compared(words)
    rest = _built_in(words)
    name = name_of(rest[0]) if rest else ""
    arguments = rest[1:]
    if name in _COUNTS:
        yield from ((word, _number(f"{name} evaluates its argument")) for word in arguments)
    elif name in _DECLARES:
        yield from ((word, _variable(f"{name} evaluates what it is given")) for word in arguments)
    elif name in _NAMES:
        yield from ((word, _variable(f"{name} evaluates the names it is given")) for word in arguments)
    elif name in _EXPORTS:
        plain = all(word.text in _PLAIN or word.text[:1] != "-" for word in arguments)
        unsafe = (word for word in arguments if not plain or _is_name(word))
        yield from ((word, _variable(f"{name} evaluates the names it is given")) for word in unsafe)
    elif name == "print" and any(word.text[:1] == "-" and "P" in word.text for word in arguments):
        expands = Refusal(
            problem="print -P expands what it prints, as a prompt", fix="write printf '%s\\n' {{ value }}"
        )
        yield from ((word, expands) for word in arguments)
    elif name in ("printf", "print", "wait", "set"):
        yield from _named_by_option(name, arguments)
    if name in _TESTS or name.startswith("-"):
        yield from _tested(rest)


def _is_name(word: Word) -> bool:
    """Whether a value may be the variable's name, or part of it: of `name=text`, or all of the word."""
    name = word.text.partition("=")[0]
    return VALUE in name or (bool(word.printed) and "$" in name)


def _assignments(words: Sequence[Word]) -> Iterator[tuple[Word, Refusal]]:
    loop = program(words) in ("for", "select") and words[start(words) + 1 : start(words) + 2]
    for word in words:
        name = loop[0].text if loop else assigned(word)
        if name in INTEGERS:
            yield word, _number(f"the shell evaluates what {name} is set to")
        elif name in PROMPTS:
            yield word, Refusal(problem=f"the shell expands what {name} is set to", fix="use another variable")


def _compared(words: Sequence[Word]) -> Iterator[tuple[Word, Refusal]]:
    """The words beside -eq, whatever the command: [[ ... && ... ]] is cut at the &&."""
    for at, word in enumerate(words):
        if word.text in _COMPARES:
            beside = (*words[max(at - 1, 0) : at], *words[at + 1 : at + 2])
            yield from ((each, _number(f"{word.text} evaluates what stands beside it")) for each in beside)


def _tested(words: Sequence[Word]) -> Iterator[tuple[Word, Refusal]]:
    operators = Refusal(problem="a value would be the operator here", fix="write the operator in the command")
    for before, word in pairwise(words):
        if before.text in ("-v", "-R"):
            yield word, _variable(f"{before.text} evaluates the name it is given")
        elif before.led and word.led:
            yield word, operators


def _named_by_option(name: str, arguments: Sequence[Word]) -> Iterator[tuple[Word, Refusal]]:
    flag = {"wait": "-p", "set": "-A"}.get(name, "-v")
    for before, word in pairwise(arguments):
        if before.text.startswith(flag):
            yield word, _variable(f"{name} {flag} evaluates the name it is given")
    if name == "printf" and len(arguments) > 1 and arguments[0].led:
        problem = "a value would be the format here, or the option -v"
        yield arguments[0], Refusal(problem=problem, fix="write printf '%s\\n' {{ value }}")
    if name == "printf" and (form := next(operands([Word(), *arguments], frozenset({"-v"})), None)):
        conversions = form[1].text.replace("%%", "")
        if any(letter in conversions.split("%", 1)[-1] for letter in "diouxXeEfFgG*") and "%" in conversions:
            yield from _numbers_of(conversions, arguments[form[0] :])


def _numbers_of(conversions: str, arguments: Sequence[Word]) -> Iterator[tuple[Word, Refusal]]:
    """The arguments of printf that are printed as numbers, which zsh evaluates."""
    kinds = [part.lstrip("-+ #0123456789.")[:1] for part in conversions.split("%")[1:]]
    for at, word in enumerate(arguments):
        if "*" in conversions or (kinds and kinds[at % len(kinds)] not in ("s", "b", "c", "q")):
            yield word, _number("printf evaluates numbers")


def _number(who: str) -> Refusal:
    problem = f"{who} as arithmetic, in which shells run commands: only a whole number can stand here"
    return Refusal(problem=problem, fix="write {{ n | int }}", unless=Unless.NUMBER)


def _variable(who: str) -> Refusal:
    fix = "write the variable's name in the command, and the value as in name={{ value }}"
    return Refusal(problem=f"{who}, and would run what stands in name[...]", fix=fix, unless=Unless.NUMBER)
