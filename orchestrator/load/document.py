"""A file as values, every one with its place."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.errors import InputError
from orchestrator.load.files import Source
from orchestrator.load.problems import MAX_PROBLEMS, Finding, Loc, dotted
from orchestrator.model.ids import Value
from orchestrator.model.origin import Origin, Problem, Text

Mark = tuple[int, int]
"""A line and a column, both from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a file says. keys: the place of each mapping's key. styles: the quote or block indicator of each text.

    written: unquoted scalars that are not text, as they were typed. ambiguous: those that YAML 1.1 reads differently.
    findings: what is wrong as YAML, though readable.
    """

    source: Source
    data: Value
    values: Mapping[Loc, Mark] = field(default_factory=dict)
    keys: Mapping[Loc, Mark] = field(default_factory=dict)
    styles: Mapping[Loc, str] = field(default_factory=dict)
    written: Mapping[Loc, str] = field(default_factory=dict)
    ambiguous: Mapping[Loc, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def origin(self, loc: Loc) -> Origin:
        """The place of a value, or of the nearest value around it."""
        return self._origin(self.values[self._known(loc, self.values)])

    def key_origin(self, loc: Loc) -> Origin:
        """The place of the key of a value; of the value where it has none."""
        return self._origin(self.keys[loc]) if loc in self.keys else self.origin(loc)

    def text_origin(self, loc: Loc) -> Origin:
        """The place of a text's first character: after its quote, or below its block indicator."""
        loc = self._known(loc, self.values)
        line, column = self.values[loc]
        match self.styles.get(loc):
            case "'" | '"':
                return self._origin((line, column + 1))
            case "|" | ">":
                below = enumerate(self.source.lines[line:], start=line + 1)
                number, first = next(((n, text) for n, text in below if text.strip()), (line, ""))
                return self._origin((number, len(first) - len(first.lstrip(" ")) + 1))
            case _:
                return self._origin((line, column))

    def text(self, loc: Loc, source: str) -> Text:
        """A template and the place of its first character."""
        return Text(source=source, origin=self.text_origin(loc))

    def problem(self, finding: Finding) -> Problem:
        """The finding at its place in this file."""
        line, column = self._mark(finding)
        path = dotted(finding.loc if finding.mark else self._known(finding.loc, self._places(finding)))
        return self.source.problem(finding.problem, line=line, column=column, path=path, fix=finding.words_of_fix())

    def refuse(self, findings: Iterable[Finding], *, free: Callable[[Loc], bool]) -> None:
        """Raise InputError when there are findings, those of the YAML itself included, in the order of their places.

        free: whether a path may hold any value, so that an ambiguous scalar there is not wrong.
        """
        unclear = {loc: text for loc, text in self.ambiguous.items() if not free(loc)}
        # What is wrong as YAML has been read as something else: what that breaks is no news.
        known = unclear.keys() | {finding.loc for finding in self.findings}
        wrong = [*self.findings, *(_ambiguity(loc, text) for loc, text in unclear.items())]
        wrong += [finding for finding in findings if finding.loc not in known or finding.on_key]
        if wrong:
            raise InputError(self._placed(wrong))

    def _placed(self, findings: list[Finding]) -> list[Problem]:
        ordered = sorted(findings, key=self._mark)
        problems = [self.problem(finding) for finding in ordered[:MAX_PROBLEMS]]
        if more := len(ordered) - len(problems):
            problems.append(self.source.problem(f"{more} more problems are not shown"))
        return list(dict.fromkeys(problems))

    def _mark(self, finding: Finding) -> Mark:
        if finding.mark:
            return finding.mark
        places = self._places(finding)
        loc = self._known(finding.loc, places)
        # Within double quotes an escape is longer than the character that it stands for.
        if not finding.offset or self.styles.get(loc) == '"':
            return places.get(loc, (1, 1))
        first = self.text_origin(loc)
        return first.line, first.column + finding.offset

    def _places(self, finding: Finding) -> Mapping[Loc, Mark]:
        return self.keys if finding.on_key else self.values

    def _known(self, loc: Loc, places: Mapping[Loc, Mark]) -> Loc:
        while loc and loc not in places:
            loc = loc[:-1]
        return loc

    def _origin(self, mark: Mark) -> Origin:
        return Origin(file=self.source.file, line=mark[0], column=mark[1])


def _ambiguity(loc: Loc, text: str) -> Finding:
    """Worked example: `no` is text in YAML 1.2 and false in 1.1; `0644` is 644 in 1.2 and 420 in 1.1."""
    meant = ""
    if text.lower() in ("y", "yes", "on"):
        meant = ", or write true"
    elif text.lower() in ("n", "no", "off"):
        meant = ", or write false"
    elif text.isdecimal():
        meant = f", or write {int(text)}"
    problem = f"{text} without quotes means one thing to YAML 1.1 and another to YAML 1.2"
    return Finding(loc=loc, problem=problem, fix=f"quote it: '{text}'{meant}")
