"""Asking the person at the terminal."""

import sys

from orchestrator.errors import Held


def can_ask() -> bool:
    """Whether somebody is there who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def answer_to(question: str) -> str:
    """What is typed after a question, in lower case and without white space around it."""
    # Not typer.prompt: it makes Ctrl-C a failure with status 1.
    sys.stderr.write(f"{question} ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower()


def must_agree(question: str) -> None:
    """Go on only with a yes. Raises Held."""
    if answer_to(f"{question} [y/N]") not in ("y", "yes"):
        raise Held("nothing was started: the answer was no")
