"""Gates, as people write them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from orchestrator.gates import GATES
from orchestrator.load.document import Document
from orchestrator.load.fields import Delay, Duration, Filled, Label
from orchestrator.load.problems import Finding, Loc
from orchestrator.load.shape import Shape, several, wrong
from orchestrator.model.gate import Approval, Bake, ControllerCommand, Gate, OnDeny, UrlWatch, WaveCommand


def _address(url: str) -> str:
    """An http address, without a password in it (a plan is shown) and without values (they would need quoting)."""
    if "{{" in url or "{%" in url:
        raise wrong("a value cannot be put into an address", "write it out, or ask with a command")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise wrong("is not an address", "write https://HOST/PATH")
    if parts.username is not None or parts.password is not None:
        raise wrong("holds a user or a password", "write https://HOST/PATH; a command can sign in")
    return url


def _names(by: list[str]) -> list[str]:
    strange = [at for at, name in enumerate(by) if not name or any(char.isspace() or char in ",;" for char in name)]
    if strange:
        fix = "write ana, or ana@laptop"
        raise several([Finding(loc=(at,), problem=f"{by[at]!r} is not the name of a user", fix=fix) for at in strange])
    return by


Status = Annotated[int, Field(ge=100, le=599)]


class ExpectShape(Shape):
    """A good answer."""

    status: Status = Field(default=200, description="The status of a good answer.", examples=[200])
    text: Filled | None = Field(default=None, description="What a good answer holds.", examples=["ok"])

    @classmethod
    def spread(cls, data: object) -> object:
        if isinstance(data, int) and not isinstance(data, bool):
            return {"status": data}
        return {"text": data} if isinstance(data, str) else data


class ApprovalShape(Shape):
    """A person who says yes."""

    example = "{by: [ana, ben], expires: 4h}"

    by: Annotated[list[str], Field(min_length=1), AfterValidator(_names)] = Field(
        description="Who may answer: users, as `ana` or `ana@laptop`.", examples=[["ana", "ben"]]
    )
    expires: Duration | None = Field(
        default=None, description="How long there is for the answer; no end if not given.", examples=["4h"]
    )
    four_eyes: bool = Field(default=False, description="Whether whoever started the run may not answer.")
    on_deny: Literal["leave", "rollback"] = Field(
        default="leave", description="What becomes of what was done, where the answer is no or comes too late."
    )


class CommandGateShape(Shape):
    """A command whose exit status answers."""

    example = "{run: ./check-dashboards, on: controller}"

    run: Filled | None = Field(default=None, description="Shell text.", examples=["./check-dashboards"])
    argv: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="A program and its arguments.", examples=[["./check-dashboards", "--strict"]]
    )
    on: Literal["wave", "controller"] = Field(
        description="Where it runs: on the machine that drives the run, or on every host of the wave.",
        examples=["controller"],
    )
    timeout: Duration = Field(default=600.0, description="How long it may take.", examples=["5m"])

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        if ("run" in given) == ("argv" in given):
            yield Finding(problem="needs one of run and argv", fix="such as `run: ./check-dashboards`")


class UrlGateShape(Shape):
    """An address whose answers are watched."""

    example = "{get: https://app.example.com/health, every: 10s, for: 5m}"

    get: Annotated[Filled, AfterValidator(_address)] = Field(
        description="The address.", examples=["https://app.example.com/health"]
    )
    expect: ExpectShape = Field(
        default=ExpectShape(), description="A good answer: its status, its text, or both.", examples=[200]
    )
    every: Duration = Field(default=10.0, description="How often it is asked.", examples=["10s"])
    for_: Delay = Field(default=0.0, description="For how long; once if not given.", examples=["5m"])
    max_bad: Annotated[int, Field(ge=0)] = Field(default=0, description="How many answers may be bad.", examples=[2])


KEYS = tuple(dict.fromkeys(kind.written for kind in GATES.values()))
"""The keys of the kinds."""


class GateShape(Shape):
    """A question after a wave: exactly one of its kinds, and a name."""

    name: Label | None = Field(default=None, description="What the gate is called.", examples=["dashboards"])
    approval: ApprovalShape | None = Field(default=None, description=GATES["approval"].help)
    command: CommandGateShape | None = Field(default=None, description=GATES["command"].help)
    url: UrlGateShape | None = Field(default=None, description=GATES["url"].help)
    bake: Duration | None = Field(default=None, description=GATES["bake"].help, examples=["5m"])

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        kinds = [key for key in given if key in KEYS]
        if len(kinds) > 1:
            fix = "write each as a gate of its own"
            yield Finding(loc=(kinds[1],), problem=f"a gate cannot have both {kinds[0]} and {kinds[1]}", fix=fix)
        if not kinds and given.keys() <= cls.known().keys():
            yield Finding(problem=f"a gate needs one of {', '.join(KEYS)}", fix="such as `bake: 5m`")


def read_gates(shapes: Sequence[GateShape], document: Document, loc: Loc) -> tuple[Gate, ...]:
    """The gates of one list, each with a name of its own: `url`, and then `url 2`."""
    found: list[Gate] = []
    for at, shape in enumerate(shapes):
        kind = next(key for key in KEYS if getattr(shape, key) is not None)
        name, taken = shape.name or kind, {gate.name for gate in found}
        number = 2
        while name in taken:
            name, number = f"{shape.name or kind} {number}", number + 1
        found.append(_gate(shape, name, document, (*loc, at)))
    return tuple(found)


def _gate(shape: GateShape, name: str, document: Document, loc: Loc) -> Gate:
    if shape.bake is not None:
        return Bake(name=name, seconds=shape.bake)
    if approval := shape.approval:
        return Approval(
            name=name,
            by=tuple(approval.by),
            expires=approval.expires,
            four_eyes=approval.four_eyes,
            on_deny=OnDeny(approval.on_deny),
        )
    if command := shape.command:
        run = document.text((*loc, "command", "run"), command.run) if command.run else None
        if command.on == "wave":
            words = [document.text((*loc, "command", "argv", i), word) for i, word in enumerate(command.argv or ())]
            return WaveCommand(name=name, argv=tuple(words), run=run, timeout=command.timeout)
        return ControllerCommand(name=name, argv=tuple(command.argv or ()), run=run, timeout=command.timeout)
    assert shape.url  # noqa: S101  # GateShape's rules refuse a gate of no kind
    url = shape.url
    return UrlWatch(
        name=name,
        get=url.get,
        status=url.expect.status,
        text=url.expect.text or "",
        every=url.every,
        for_=url.for_,
        max_bad=url.max_bad,
    )
