"""What a person should know of the values in a plan's commands: nothing of it keeps the plan from being made."""

from contextlib import suppress
from dataclasses import dataclass, field, replace

from orchestrator.model.origin import Problem, Text
from orchestrator.template import RAW_REMARK, TemplateError, remarks

_VEILED = "something is to be known of this value in a secret command; docs/quoting.md has what that may be"


@dataclass(slots=True)
class Remarks:
    """What was found so far; what is said of the same place on several hosts is one."""

    _found: dict[tuple[str, int, int, str], Problem] = field(default_factory=dict)

    def note(self, remark: Problem, *, secret: bool = False) -> None:
        """Add one; secret: of a command whose words are shown to nobody."""
        if secret and remark.problem != RAW_REMARK:
            remark = replace(remark, problem=_VEILED)
        origin = remark.origin
        self._found.setdefault((origin.file, origin.line, origin.column, remark.problem), remark)

    def read(self, text: Text, *, secret: bool = False) -> None:
        """Add what can be said of a shell text whatever its values are; what is wrong in it is told elsewhere."""
        with suppress(TemplateError):
            for remark in remarks(text):
                self.note(remark, secret=secret)

    def told(self) -> tuple[str, ...]:
        """A sentence each, with its place, in the order of the places."""
        return tuple(
            f"{each.origin}: {each.problem}" for _, each in sorted(self._found.items(), key=lambda item: item[0])
        )
