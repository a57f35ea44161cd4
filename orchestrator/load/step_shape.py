"""A step as people write it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from orchestrator.load.bodies import ONE_BODY, one_body, with_bodies
from orchestrator.load.fields import (
    Duration,
    Environment,
    ExitStatuses,
    Expression,
    Filled,
    Identifier,
    Label,
    OneOrMany,
    UserName,
)
from orchestrator.load.problems import Finding
from orchestrator.load.retries_shape import RetriesShape
from orchestrator.load.rollback_shape import RollbackShape
from orchestrator.load.shape import Later, Shape, later

_SCRIPTS = ("script", "copy", "wait_for", "include")
_OF_A_RESULT = ("until", "failed_when", "ok_exit", "register")
_OF_AN_INTERRUPTION = ("interrupted", "idempotent")


class CopyShape(Shape):
    """A file that is put into the guest."""

    src: str | None = None
    content: str | None = None
    template: str | None = None
    dest: Filled
    mode: str | None = None
    owner: str | None = None


class WaitForShape(Shape):
    """What to wait for."""

    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    path: str | None = None
    url: str | None = None
    seconds: Annotated[int, Field(ge=0)] | None = None


@with_bodies
class StepShape(Shape):
    """One thing to do on one host."""

    model_config = ConfigDict(json_schema_extra=ONE_BODY)

    example: ClassVar[str] = "{name: pull, run: git pull}"
    moved: ClassVar[Mapping[str, str]] = {
        "delay": "write `retries: {attempts: 3, delay: 5s}`",
        "ignore_errors": "write `failed_when: false`",
        "environment": "write env",
        "chdir": "write cwd",
        "become": "write `user: NAME`; without it, commands run as the agent's user, which is root",
        "with_items": "write loop once it is supported",
    }

    name: Label | None = Field(
        default=None,
        description="What the step is called, once in a playbook; taken from the command if not given.",
        examples=["pull"],
    )
    when: Expression | None = Field(
        default=None, description="The step is passed over where this is false.", examples=["zone == 'a'"]
    )
    register_: Identifier | None = Field(
        default=None,
        description="Later steps read the result under this name: NAME.stdout, .stderr, .exit_code, .ok, .changed.",
        examples=["before"],
    )
    until: Expression | None = Field(
        default=None,
        description="The step is tried again, by its retries, until this is true; `result` is the latest try.",
        examples=["result.stdout == 'ok'"],
    )
    retries: RetriesShape | None = Field(
        default=None, description="How often the step is tried.", examples=[{"attempts": 3, "delay": "5s"}]
    )
    timeout: Duration | None = Field(
        default=None, description="How long one try may take before it is killed.", examples=["5m"]
    )
    cwd: Filled | None = Field(default=None, description="The folder in which it runs.", examples=["/srv/app"])
    env: Environment = Field(
        default={}, description="Environment variables, beside the playbook's.", examples=[{"APP_ENV": "production"}]
    )
    failed_when: Expression | None = Field(
        default=None,
        description="The step has failed where this is true, whatever its exit status; `result` is the latest try.",
        examples=["'error' in result.stderr"],
    )
    ok_exit: ExitStatuses = Field(default=[0], description="The exit statuses that mean success.", examples=[[0, 2]])
    rollback: RollbackShape | None = Field(
        default=None,
        description="What takes the step back: a command, or a mapping with run or argv.",
        examples=["git checkout -q {{ before.stdout }}"],
    )
    irreversible: bool = Field(
        default=False, description="That the step cannot be taken back; the plan lists it.", examples=[True]
    )
    on_failure: Literal["rollback", "leave", "continue", "pause", "abort"] = Field(
        default="rollback",
        description="What follows when the step has failed: the rollout's rollback, or the host is left as it is, "
        "or goes on, or waits for a person, or the whole run stops.",
        examples=["pause"],
    )
    exec: Literal["durable", "plain"] = Field(
        default="durable",
        description="How the command is sent: so that its result survives a lost reply, or as it is.",
        examples=["plain"],
    )
    user: UserName | None = Field(
        default=None, description="The user that runs it, and what takes it back.", examples=["deploy"]
    )
    background: bool = Field(
        default=False,
        description="That it is a service that goes on running; it is ok once it has lived for a second.",
        examples=[True],
    )
    interrupted: Literal["fail", "rerun", "ask"] | None = Field(
        default=None,
        description="What follows when the machine went down under the step: it has failed, is run again, or the host "
        "waits for a person.",
        examples=["rerun"],
    )
    idempotent: bool = Field(
        default=False, description="That it may be run twice: `interrupted` is then rerun.", examples=[True]
    )

    script: Later[Filled] = later("A file beside the playbook that is run in the guest.")
    copy_: Later[CopyShape] = later("A file that is put into the guest.")
    wait_for: Later[WaitForShape] = later("What to wait for.")
    include: Later[Filled] = later("A file with steps.")
    loop: Later[Any] = later("The step is run once for each of these.")
    changed_when: Later[Expression] = later("Whether the step has changed something.")
    creates: Later[Filled] = later("The step is passed over where this file is.")
    unless: Later[Filled] = later("The step is passed over where this command succeeds.")
    only_if: Later[Filled] = later("The step is passed over where this command fails.")
    run_once: Later[Literal["run", "wave"]] = later("The step runs on the first host only.")
    tags: Later[Annotated[list[str], OneOrMany()]] = later("What the step is chosen by.")
    handlers: Later[list[str]] = later("Handlers that the step calls.")
    secret: Later[bool] = later("That the step's output is never shown.")

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        yield from one_body(given, not_yet=_SCRIPTS, known=cls.known())
        if given.get("irreversible") is True and "rollback" in given:
            problem = "a step with a rollback is not irreversible"
            yield Finding(loc=("irreversible",), problem=problem, fix="keep one of them", on_key=True)
        yield from _without_meaning(given)


def _without_meaning(given: Mapping[str, Any]) -> Iterator[Finding]:
    """Keys that could have no effect beside others: what is written and ignored is a promise that is not kept."""
    background, plain = given.get("background") is True, given.get("exec") == "plain"
    for key in _OF_A_RESULT if background else ():
        if key in given:
            problem = f"{key} asks for a result, and a service (background) has none"
            yield Finding(loc=(key,), problem=problem, fix="ask in a step after this one", on_key=True)
    if background and plain:
        problem = "a plain command holds its step until it has exited, which a service (background) does not"
        yield Finding(loc=("exec",), problem=problem, fix="keep one of them", on_key=True)
    for key in _OF_AN_INTERRUPTION if plain else ():
        if key in given:
            problem = f"whether a plain command was interrupted cannot be found out, so {key} means nothing"
            yield Finding(loc=(key,), problem=problem, fix="leave it out", on_key=True)
    if given.get("idempotent") is False and given.get("interrupted") == "rerun":
        problem = "a step that is not idempotent must not be run again"
        yield Finding(loc=("interrupted",), problem=problem, fix="keep one of them", on_key=True)
