"""How a run goes over the fleet, as people write it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from orchestrator.load.fields import Budget, Delay, Duration, Filled, Label, OneOrMany, Size, as_list, supported
from orchestrator.load.problems import Finding
from orchestrator.load.shape import Later, Shape, later


class ApprovalShape(Shape):
    """A person who says yes."""

    by: list[str]
    expires: Duration | None = None
    four_eyes: bool = False


class CommandGateShape(Shape):
    """A command whose exit status answers."""

    run: Filled
    on: Literal["wave", "controller"] = "wave"


class UrlGateShape(Shape):
    """An address whose answers are watched."""

    get: Filled
    expect: Any = None
    every: Duration | None = None
    for_: Duration | None = None
    max_bad: Annotated[int, Field(ge=0)] = 0


class GateShape(Shape):
    """A question between waves."""

    approval: ApprovalShape | None = None
    command: CommandGateShape | None = None
    url: UrlGateShape | None = None
    bake: Delay | None = None


class WaveShape(Shape):
    """Hosts that go together."""

    name: Label | None = Field(default=None, description="What the wave is called.", examples=["canary"])
    size: Size | None = Field(
        default=None, description="How many hosts, or what part of the whole run.", examples=["10%"]
    )
    hosts: Later[Filled] = later("The hosts of the wave.")
    gates: Later[list[GateShape]] = later("Questions after the wave.")
    bake: Later[Delay] = later("How long to wait and watch after the wave.")

    @classmethod
    def spread(cls, data: object) -> object:
        return data if isinstance(data, dict) else {"size": data}

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        if not given.keys() & {"size", "hosts"} and given.keys() <= cls.known().keys():
            yield Finding(problem="missing key size", fix="such as `size: 10%`")


Waves = Annotated[list[WaveShape], Field(min_length=1), OneOrMany()]


class RolloutShape(Shape):
    """How a run goes over the fleet."""

    moved: ClassVar[Mapping[str, str]] = {
        "forks": "write max_parallel",
        "max_fail_percentage": "write `max_failures: 5%`",
        "batch": "write waves",
    }

    waves: Waves | None = Field(
        default=None,
        description="The size of each wave: hosts, or a percentage of the whole run; the last one repeats.",
        examples=[[1, "10%", "100%"]],
    )
    serial: Waves | None = Field(default=None, description="Another word for `waves`.", examples=[[1, "10%", "100%"]])
    order: Annotated[Literal["inventory", "sorted", "reverse", "shuffle"], supported("inventory")] = Field(
        default="inventory", description="The order of the hosts.", json_schema_extra={"enum": ["inventory"]}
    )
    max_parallel: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=50, description="On how many hosts something may be done at the same time.", examples=[50]
    )
    max_failures: Budget | None = Field(
        default=None,
        description="How many hosts may fail, over the whole run, before it stops; 0 if not given.",
        examples=["5%"],
    )
    max_unreachable: Budget | None = Field(
        default=None,
        description="How many hosts may be out of reach, over the whole run, before it stops; 0 if not given.",
        examples=[2],
    )
    in_flight: Annotated[Literal["finish", "cancel"], supported("finish")] = Field(
        default="finish",
        description="What happens, when the run stops, to what is under way.",
        json_schema_extra={"enum": ["finish"]},
    )
    rollback: Literal["none", "host", "wave", "run"] = Field(
        default="host",
        description="What is taken back once too many have failed: nothing, the failed hosts, their wave, the run.",
        examples=["wave"],
    )
    gates: Later[list[GateShape]] = later("Questions after each wave.")
    bake: Later[Delay] = later("How long to wait and watch after each wave.")

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        if "waves" in given and "serial" in given:
            yield Finding(loc=("serial",), problem="serial is another word for waves", fix="keep one", on_key=True)
        waves = as_list(given.get("waves", given.get("serial", [])))
        names = [wave.get("name") if isinstance(wave, dict) else None for wave in waves]
        for index, name in enumerate(names):
            if isinstance(name, str) and name in names[:index]:
                key = "waves" if "waves" in given else "serial"
                yield Finding(loc=(key, index, "name"), problem=f"an earlier wave is called {name}", fix="rename one")
