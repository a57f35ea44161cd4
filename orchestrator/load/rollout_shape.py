"""How a run goes over the fleet, as people write it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic.config import JsonDict

from orchestrator.load.fields import (
    Budget,
    Delay,
    Duration,
    Filled,
    Identifier,
    Label,
    OneOrMany,
    Size,
    Words,
    as_list,
)
from orchestrator.load.gate_shape import GateShape
from orchestrator.load.problems import Finding
from orchestrator.load.shape import Shape, wrong


def _one_pattern(value: Any) -> Any:
    """A list of hosts is the pattern of them all."""
    if value == []:
        raise wrong("is empty", "such as `hosts: web-001`")
    listed = isinstance(value, list) and value and all(isinstance(each, str | int) for each in value)
    return ",".join(str(each) for each in value) if listed else value


_PATTERN: JsonDict = {"type": "string", "minLength": 1}

Pattern = Annotated[
    Filled,
    BeforeValidator(_one_pattern),
    WithJsonSchema({"anyOf": [_PATTERN, {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1}]}),
]
"""A pattern over the inventory, or a list of patterns."""


class SpreadShape(Shape):
    """How many hosts of one value of a variable may be under way at once."""

    example = "{by: zone, max: 1}"

    by: Identifier = Field(description="The variable.", examples=["zone"])
    max: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=1, description="How many hosts of one of its values, at most.", examples=[1]
    )

    @classmethod
    def spread(cls, data: object) -> object:
        return {"by": data} if isinstance(data, str) else data


class WaveShape(Shape):
    """Hosts that go together."""

    name: Label | None = Field(default=None, description="What the wave is called.", examples=["canary"])
    size: Size | None = Field(
        default=None, description="How many hosts, or what part of the whole run.", examples=["10%"]
    )
    hosts: Pattern | None = Field(
        default=None,
        description="A pattern, or a list of them: these hosts go in this wave and in no other.",
        examples=["web-001"],
    )
    max_failures: Budget | None = Field(
        default=None,
        description="How many hosts of the wave may fail or be out of reach before the run stops.",
        examples=[0],
    )
    gates: list[GateShape] | None = Field(
        default=None, description="Questions after the wave, in place of the rollout's.", examples=[[{"bake": "5m"}]]
    )
    bake: Delay | None = Field(
        default=None, description="How long to wait after the wave, in place of the rollout's.", examples=["10m"]
    )

    @classmethod
    def spread(cls, data: object) -> object:
        return data if isinstance(data, dict) else {"size": data}

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        if not given.keys() & {"size", "hosts"} and given.keys() <= cls.known().keys():
            yield Finding(problem="missing key size", fix="such as `size: 10%`")
        if {"size", "hosts"} <= given.keys():
            problem = "a wave has a size or hosts, not both"
            yield Finding(loc=("size",), problem=problem, fix="leave one out", on_key=True)


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
    order: Literal["inventory", "sorted", "reverse", "shuffle"] = Field(
        default="inventory", description="The order of the hosts.", examples=["sorted"]
    )
    seed: Words | None = Field(
        default=None, description="What a shuffle goes by; if not given, the playbook's name and what is passed."
    )
    spread_: SpreadShape | None = Field(
        default=None,
        description="How many hosts of one value of a variable may be under way at once.",
        examples=[{"by": "zone", "max": 1}],
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
    in_flight: Literal["finish", "cancel"] = Field(
        default="finish", description="What happens, when the run stops, to what is under way.", examples=["cancel"]
    )
    rollback: Literal["none", "host", "wave", "run"] = Field(
        default="host",
        description="What is taken back once too many have failed: nothing, the failed hosts, their wave, the run.",
        examples=["wave"],
    )
    gates: list[GateShape] = Field(default=[], description="Questions after each wave.", examples=[[{"bake": "5m"}]])
    bake: Delay = Field(default=0.0, description="How long to wait after each wave.", examples=["2m"])
    min_healthy: Delay = Field(
        default=0.0, description="How long a host must have been ok before another takes its place.", examples=["30s"]
    )
    progress_deadline: Duration | None = Field(
        default=None, description="The run stops once no host of a wave has become ok for so long.", examples=["30m"]
    )

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        if "waves" in given and "serial" in given:
            yield Finding(loc=("serial",), problem="serial is another word for waves", fix="keep one", on_key=True)
        if "seed" in given and given.get("order") != "shuffle":
            problem = "a seed is for `order: shuffle`"
            yield Finding(loc=("seed",), problem=problem, fix="write that, or leave it out", on_key=True)
        waves = as_list(given.get("waves", given.get("serial", [])))
        names = [wave.get("name") if isinstance(wave, dict) else None for wave in waves]
        for index, name in enumerate(names):
            if isinstance(name, str) and name in names[:index]:
                key = "waves" if "waves" in given else "serial"
                yield Finding(loc=(key, index, "name"), problem=f"an earlier wave is called {name}", fix="rename one")
