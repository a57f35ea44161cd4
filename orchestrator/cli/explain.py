"""Errors as sentences: what is wrong, and what to type next."""

import sys
import traceback
from collections.abc import Iterator, Sequence

from orchestrator import log
from orchestrator.errors import Bug, InputError, OrcError
from orchestrator.load import render_problems, with_lines
from orchestrator.report.visible import spelled


def explain(error: Exception, *, debug: bool) -> int:
    """Say on stderr what went wrong; the exit status.

    debug: with the traceback, which else is kept from those whom it does not help.
    """
    errors = list(leaves(error))
    worst = next((each for each in errors if _is_bug(each)), errors[0])
    said = ["".join(traceback.format_exception(error))] if debug else []
    sys.stderr.write(log.redact("\n".join([*said, *words(worst), ""])))
    return worst.exit_code if isinstance(worst, OrcError) else 1


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors that a group of errors was made of, however deep: tasks that ran side by side may each have failed."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from leaves(each)
    else:
        yield error


def _is_bug(error: BaseException) -> bool:
    return isinstance(error, Bug) or not isinstance(error, OrcError)


def words(error: BaseException) -> Iterator[str]:
    """What is said of an error, line by line."""
    if isinstance(error, InputError):
        yield from render_problems(with_lines(error.problems)).split("\n")
    elif isinstance(error, OrcError) and not _is_bug(error):
        yield spelled(f"error: {error.message}")
    else:
        said = str(error).split("\n", 1)[0]
        yield spelled(f"error: this is a bug in orc: {type(error).__name__}: {said}")
        yield "ORC_DEBUG=1 shows where; please report it with the command that you typed"
    yield from _next(error.next if isinstance(error, OrcError) else ())


def _next(commands: Sequence[str]) -> Iterator[str]:
    if commands:
        yield "next:"
        yield from (f"    {spelled(command)}" for command in commands)
