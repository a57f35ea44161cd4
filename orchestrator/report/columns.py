"""Lines of text cut, wrapped and set in columns."""

from collections.abc import Sequence


def cut(line: str, width: int) -> str:
    """A line of at most so many characters, with `…` where something was cut off."""
    return line if len(line) <= width else line[: max(0, width - 1)] + "…"


def wrap(text: str, width: int, *, at: str = " ") -> list[str]:
    """A text broken after `at` into lines of at most `width` characters; a longer piece stays whole."""
    pieces = text.split(at)
    lines = [""]
    for piece in (*(piece + at for piece in pieces[:-1]), pieces[-1]):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def hang(head: str, text: str, width: int, *, at: str = " ") -> list[str]:
    """`head`, and after it a text that is wrapped and indented by the head's length."""
    first, *rest = wrap(text, max(20, width - len(head)), at=at)
    return [f"{head}{first}".rstrip(), *(" " * len(head) + line for line in rest)]


def table(rows: Sequence[Sequence[str]], *, gap: int = 3) -> list[str]:
    """Rows in columns as wide as they must be, all with as many cells; nothing is left hanging at a line's end."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [(" " * gap).join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
