"""What is wrong in a template, and where in its file that is."""

from orchestrator.model.origin import Origin, Problem, Text


class TemplateError(ValueError):
    """A template that cannot be used, or not with these values: bad input while planning, a failed attempt in a run.

    undefined: the variable that it lacks; empty when something else is wrong.
    """

    def __init__(self, problem: Problem, *, undefined: str = "") -> None:
        self.problem = problem
        self.undefined = undefined
        super().__init__(f"{problem.origin}: {problem.problem}" + (f"; {problem.fix}" if problem.fix else ""))


class Fault(Exception):
    """What is wrong in a template's source, before it is known which file that stands in.

    offset: in characters from the start of the source; None when only the renderer can tell. undefined: as above.
    """

    def __init__(self, problem: str, fix: str = "", *, offset: int | None = None, undefined: str = "") -> None:
        self.problem = problem
        self.fix = fix
        self.offset = offset
        self.undefined = undefined
        super().__init__(problem)

    def of(self, text: Text) -> TemplateError:
        """The error of this text."""
        problem = Problem(origin=origin_at(text, self.offset or 0), problem=self.problem, fix=self.fix)
        return TemplateError(problem, undefined=self.undefined)


def origin_at(text: Text, offset: int) -> Origin:
    """The place of a character of a text.

    Exact where the text stands in its file as it is: on one line, or in a block scalar whose origin is its first
    character. For a scalar that YAML folds the column is a guess.
    """
    origin = text.origin
    if not origin.line:
        return origin
    before = text.source[:offset]
    return Origin(
        file=origin.file,
        line=origin.line + before.count("\n"),
        column=origin.column + len(before) - (before.rfind("\n") + 1),
    )
