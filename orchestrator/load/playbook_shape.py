"""A playbook as people write it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from orchestrator.load.bodies import exactly_one
from orchestrator.load.fields import (
    Duration,
    Environment,
    Filled,
    Identifier,
    Label,
    Percentage,
    UserName,
    Variables,
    VmNumber,
)
from orchestrator.load.param_shape import ParamShape
from orchestrator.load.problems import Finding, Loc, dotted
from orchestrator.load.rollout_shape import RolloutShape
from orchestrator.load.shape import Later, Shape, later
from orchestrator.load.step_shape import StepShape

SECTIONS = ("steps", "after_rollback", "finally")
"""The keys that hold steps, in the order in which a host meets them."""


class DefaultsShape(Shape):
    """What every step has unless it says otherwise."""

    timeout: Duration = Field(default=600.0, description="How long one try of a step may take.", examples=["10m"])
    cwd: Filled | None = Field(default=None, description="The folder in which steps run.", examples=["/srv/app"])
    user: UserName | None = Field(
        default=None, description="The user that runs the steps; the agent's own, if not given.", examples=["deploy"]
    )


class LimitsShape(Shape):
    """The blast radius: over it a run is held, unless somebody types how many hosts it has."""

    max_hosts: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="How many hosts a run may have.", examples=[500]
    )
    max_share: Percentage | None = Field(
        default=None, description="What share of the inventory's hosts a run may have.", examples=["60%"]
    )

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        if not given:
            yield Finding(problem="limits nothing", fix="write max_hosts or max_share, or leave it out")


class NotifyShape(Shape):
    """Who is told of what."""

    on: list[str]
    to: list[str]


class PlaybookShape(Shape):
    """Ordered steps, each with a rollback rule, and how they go over a fleet."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["hosts"]}, {"required": ["vmids"]}]})

    moved: ClassVar[Mapping[str, str]] = {
        "tasks": "write steps",
        "serial": "write `rollout: {waves: [1, 10%, 100%]}`",
        "environment": "write env",
        "vars_prompt": "write params",
        "become": "write `defaults: {user: NAME}`; without it, commands run as the agent's user, which is root",
        "forks": "write `rollout: {max_parallel: 50}`",
        "max_fail_percentage": "write `rollout: {max_failures: 5%}`",
        "gather_facts": "remove it: no facts are gathered",
    }

    name: Label | None = Field(
        default=None, description="What the playbook is called; its file's name if not given.", examples=["deploy-web"]
    )
    description: str = Field(default="", description="What it does, for people.", examples=["Roll a release out."])
    vmids: Annotated[list[VmNumber], Field(min_length=1)] | None = Field(
        default=None, description="The machines themselves, where there is no inventory.", examples=[[10000, 10001]]
    )
    hosts: Filled | None = Field(
        default=None, description="A pattern over the inventory's hosts and groups.", examples=["web:&prod:!frozen"]
    )
    params: dict[Identifier, ParamShape] = Field(
        default={},
        description="What the caller passes with -e; nothing else is accepted.",
        examples=[{"release": {"required": True, "help": "the tag to deploy"}}],
    )
    vars: Variables = Field(default={}, description="Variables of every host.", examples=[{"repo": "/srv/app"}])
    env: Environment = Field(
        default={}, description="Environment variables of every step.", examples=[{"APP_ENV": "production"}]
    )
    defaults: DefaultsShape | None = Field(
        default=None, description="What every step has unless it says otherwise.", examples=[{"timeout": "10m"}]
    )
    rollout: RolloutShape | None = Field(
        default=None, description="How the run goes over the fleet.", examples=[{"waves": [1, "10%", "100%"]}]
    )
    steps: Annotated[list[StepShape], Field(min_length=1)] = Field(
        description="What is done on every host, in this order.", examples=[[{"name": "pull", "run": "git pull"}]]
    )
    after_rollback: list[StepShape] = Field(
        default=[], description="Steps that are run on a host once its undos are done."
    )
    finally_: list[StepShape] = Field(
        default=[], description="Steps that are run on every touched host, whatever happened."
    )
    limits: LimitsShape | None = Field(
        default=None,
        description="The most hosts of a run, without somebody typing their number.",
        examples=[{"max_hosts": 500, "max_share": "60%"}],
    )
    notify: Later[NotifyShape] = later("Who is told of what.")
    handlers: Later[list[Any]] = later("Steps that are run once, where a step calls them.")

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        yield from exactly_one(given, keys=("hosts", "vmids"), offer=("hosts", "vmids"), known=cls.known())
        if "vmids" in given and isinstance(given.get("limits"), dict) and "max_share" in given["limits"]:
            problem = "max_share is a share of an inventory, and there is none beside vmids"
            yield Finding(loc=("limits", "max_share"), problem=problem, fix="write max_hosts", on_key=True)
        yield from _repeated([(("vmids", at), vmid) for at, vmid in enumerate(_list(given, "vmids"))])
        steps = _steps(given)
        for key in ("name", "register"):
            yield from _repeated([((*loc, key), step[key]) for loc, step in steps if key in step])
        yield from _shadowed(given, steps)
        yield from _only_of_steps(steps)


_ONLY_OF_STEPS = ("rollback", "irreversible", "on_failure")


def _only_of_steps(steps: list[tuple[Loc, Mapping[str, Any]]]) -> Iterator[Finding]:
    """Keys that mean nothing outside `steps`: only a step is taken back, and only a step's failure decides anything."""
    for loc, step in steps:
        if loc[0] == "steps":
            continue
        for key in _ONLY_OF_STEPS:
            if key in step:
                problem = f"{key} means something in steps only, not in {loc[0]}"
                yield Finding(loc=(*loc, key), problem=problem, fix="leave it out", on_key=True)
        if step.get("interrupted") == "ask":
            problem = f"nobody is asked about {loc[0]}"
            yield Finding(loc=(*loc, "interrupted"), problem=problem, fix="write fail or rerun")


def _steps(given: Mapping[str, Any]) -> list[tuple[Loc, Mapping[str, Any]]]:
    """What looks like a step, in all sections, and its path."""
    found = [((section, at), step) for section in SECTIONS for at, step in enumerate(_list(given, section))]
    return [(loc, step) for loc, step in found if isinstance(step, dict)]


def _list(given: Mapping[str, Any], key: str) -> list[Any]:
    value = given.get(key)
    return value if isinstance(value, list) else []


def _repeated(values: list[tuple[Loc, Any]]) -> Iterator[Finding]:
    first: dict[Any, Loc] = {}
    for loc, value in values:
        if not isinstance(value, str | int) or isinstance(value, bool):
            continue
        if value in first:
            problem = f"{value} is here twice, first at {dotted(first[value])}"
            yield Finding(loc=loc, problem=problem, fix="each must be its own")
        first.setdefault(value, loc)


def _shadowed(given: Mapping[str, Any], steps: list[tuple[Loc, Mapping[str, Any]]]) -> Iterator[Finding]:
    """Names that mean two things: a template could not say which."""
    names: dict[str, str] = {}
    for key, noun in (("params", "a parameter"), ("vars", "a variable")):
        for name in given[key] if isinstance(given.get(key), dict) else ():
            if name in names:
                yield Finding(
                    loc=(key, name), problem=f"{name} is {names[name]} already", fix="rename one", on_key=True
                )
            names.setdefault(name, noun)
    for loc, step in steps:
        name = step.get("register")
        if isinstance(name, str) and name in names:
            yield Finding(loc=(*loc, "register"), problem=f"{name} is {names[name]} already", fix="rename one")
