"""A playbook as people write it."""

from collections.abc import Iterable, Iterator, Mapping
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

SECTIONS = ("steps", "handlers", "after_rollback", "finally")
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
        "vars_files": "write vars, or pass parameters with `-e @FILE`",
        "roles": "write `- include: FILE` for each under steps",
        "pre_tasks": "write its steps first under steps",
        "post_tasks": "write its steps last under steps",
        "schedule": "a schedule is not yet supported",
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
    handlers: list[StepShape] = Field(
        default=[],
        description="Steps that are run once at the end of a host's steps, where a step has called them.",
        examples=[[{"name": "restart", "argv": ["systemctl", "restart", "app"]}]],
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
        names, twice = declared(given)
        yield from twice
        yield from shadowed(names, steps)
        for loc, step in steps:
            yield from only_of_steps(str(loc[0]), loc, step)
        yield from _unknown_handlers(given, steps)


_ONLY_OF_STEPS = ("rollback", "irreversible", "on_failure", "run_once", "handlers")
_NOT_OF_HANDLERS = ("include", "loop", "tags")


def only_of_steps(section: str, loc: Loc, step: Mapping[str, Any]) -> Iterator[Finding]:
    """Keys that mean nothing outside `steps`: only a step is taken back, and only a step's failure decides anything.

    loc: of the step, which stands in this section.
    """
    if section == "steps":
        return
    for key in (*_ONLY_OF_STEPS, *(_NOT_OF_HANDLERS if section == "handlers" else ())):
        if key in step:
            where = "in steps only" if key in _ONLY_OF_STEPS else "of a step"
            problem = f"{key} means something {where}, not in {section}"
            yield Finding(loc=(*loc, key), problem=problem, fix="leave it out", on_key=True)
    if step.get("interrupted") == "ask":
        problem = f"nobody is asked about {section}"
        yield Finding(loc=(*loc, "interrupted"), problem=problem, fix="write fail or rerun")


def _unknown_handlers(given: Mapping[str, Any], steps: list[tuple[Loc, Mapping[str, Any]]]) -> Iterator[Finding]:
    """Handlers that are called and not there, and handlers that nobody could call."""
    known = {step["name"]: step for loc, step in steps if loc[0] == "handlers" and isinstance(step.get("name"), str)}
    for loc, step in steps:
        if loc[0] == "handlers" and "name" not in step:
            yield Finding(loc=loc, problem="a handler without a name can be called by nobody", fix="give it a name")
        called = step.get("handlers") if loc[0] == "steps" else None
        for at, name in enumerate(called if isinstance(called, list) else [called]):
            if isinstance(name, str) and name not in known:
                path = (*loc, "handlers", at) if isinstance(called, list) else (*loc, "handlers")
                problem = f"no handler is called {name}"
                yield Finding(loc=path, problem=problem, fix="write it under handlers", near=(name, known))


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


def declared(given: Mapping[str, Any]) -> tuple[Mapping[str, str], list[Finding]]:
    """The names of a playbook's params and variables, with what each is, and those that are both."""
    names: dict[str, str] = {}
    twice: list[Finding] = []
    for key, noun in (("params", "a parameter"), ("vars", "a variable")):
        for name in given[key] if isinstance(given.get(key), dict) else ():
            if name in names:
                problem = f"{name} is {names[name]} already"
                twice.append(Finding(loc=(key, name), problem=problem, fix="rename one", on_key=True))
            names.setdefault(name, noun)
    return names, twice


def shadowed(names: Mapping[str, str], steps: Iterable[tuple[Loc, Mapping[str, Any]]]) -> Iterator[Finding]:
    """Results that are called like a variable: a template could not say which is meant."""
    for loc, step in steps:
        name = step.get("register")
        if isinstance(name, str) and name in names:
            yield Finding(loc=(*loc, "register"), problem=f"{name} is {names[name]} already", fix="rename one")
