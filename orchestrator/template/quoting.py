"""How a value is written at its place in a shell command."""

import shlex
from dataclasses import dataclass

_OF_SH = {"if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "in"}
_OF_BASH = {"function", "select", "time", "coproc"}
_RESERVED = _OF_SH | _OF_BASH


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a value cannot stand there, and what to write instead."""

    problem: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one value stands. joined: next to a letter or digit of the author's, or to another value.

    redirects: right before < or >. refusal: None where quoting makes a word of it.
    """

    joined: bool
    redirects: bool
    refusal: Refusal | None = None


def quoted(word: str, place: Place) -> str:
    """A value's text as the shell has to see it at this place: one word, or part of one.

    What shlex.quote leaves bare may still be special: `in` as a reserved word, `2` before >, `a=b` before a command.
    """
    safe = shlex.quote(word)
    if safe != word:
        return safe
    special = "=" in word or word in _RESERVED or ((place.joined or place.redirects) and word.isalnum())
    return f"'{word}'" if special else word
