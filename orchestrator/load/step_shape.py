"""A step as people write it."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from orchestrator.load.bodies import SPELLINGS, one_body, one_of, with_bodies
from orchestrator.load.fields import (
    Duration,
    Environment,
    ExitStatuses,
    Expression,
    Filled,
    Identifier,
    Label,
    Looped,
    OneOrMany,
    Tag,
    UserName,
)
from orchestrator.load.problems import Finding
from orchestrator.load.retries_shape import RetriesShape
from orchestrator.load.rollback_shape import RollbackShape
from orchestrator.load.shape import Shape

_BESIDE_INCLUDE = ("include", "when", "tags")
_OF_A_RESULT = ("until", "failed_when", "changed_when", "ok_exit", "register")
_GUARDS = ("creates", "unless", "only_if")
_OF_AN_INTERRUPTION = ("interrupted", "idempotent")


@with_bodies
class StepShape(Shape):
    """One thing to do on one host."""

    model_config = ConfigDict(json_schema_extra=one_of("include"))

    example: ClassVar[str] = "{name: pull, run: git pull}"
    stray: ClassVar[str] = "a step has run, argv or wait_for and no modules; a key that begins with x- is yours"
    moved: ClassVar[Mapping[str, str]] = {
        "delay": "write `retries: {attempts: 3, delay: 5s}`",
        "ignore_errors": "write `failed_when: false`",
        "environment": "write env",
        "chdir": "write cwd",
        "become": "write `user: NAME`; without it, commands run as the agent's user, which is root",
        "with_items": "write loop",
        "include_tasks": "write include",
        "import_tasks": "write include",
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
        description="What takes the step back: a command, or a mapping with run, argv, script or steps.",
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

    creates: Filled | None = Field(
        default=None, description="The step is passed over where this file is.", examples=["/srv/app/.git"]
    )
    unless: Filled | None = Field(
        default=None, description="The step is passed over where this command succeeds.", examples=["id deploy"]
    )
    only_if: Filled | None = Field(
        default=None, description="The step is passed over where this command fails.", examples=["test -d /srv/app"]
    )
    run_once: Literal["run", "wave"] | None = Field(
        default=None,
        description="That the step runs on the first host of the run, or of each wave, and the others wait for it.",
        examples=["run"],
    )
    handlers: Annotated[list[Label], OneOrMany()] = Field(
        default=[],
        description="Handlers that are to be run at the host's end, where this step has changed something.",
        examples=[["restart"]],
    )
    include: Filled | None = Field(
        default=None,
        description="A file with a list of steps that stand here; only when and tags may stand beside it.",
        examples=["common/checks.yml"],
    )
    loop: Looped | None = Field(
        default=None,
        description="The step is run once for each of these, as `item`: a list, or an expression that gives one.",
        examples=[["nginx", "postgresql"]],
    )
    tags: Annotated[list[Tag], OneOrMany()] = Field(
        default=[],
        description="What the step is chosen by, with --tags and --skip-tags; `always` and `never` as in Ansible.",
        examples=[["web", "config"]],
    )
    changed_when: Expression | None = Field(
        default=None,
        description="Whether the step has changed something; it has, if not given. `result` is the latest try.",
        examples=["'up to date' not in result.stdout"],
    )

    secret: bool = Field(
        default=False,
        description="That its command, and what that prints, are never shown, nor is what it prints kept.",
        examples=[True],
    )

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        yield from one_body(given, known=cls.known(), others=("include",))
        if "include" in given:
            yield from _beside_include(given, cls.known())
        if "loop" in given and "register" in given:
            problem = "each item of a loop has a result of its own, and register keeps one"
            fix = "write the steps out, or go over the items in one command"
            yield Finding(loc=("register",), problem=problem, fix=fix, on_key=True)
        if given.get("irreversible") is True and "rollback" in given:
            problem = "a step with a rollback is not irreversible"
            yield Finding(loc=("irreversible",), problem=problem, fix="keep one of them", on_key=True)
        yield from _without_meaning(given)
        if given.get("secret") is True:
            yield from _told_by_a_secret(given)


def _beside_include(given: Mapping[str, Any], known: Collection[str]) -> Iterator[Finding]:
    """An include is no step of its own: what is written beside it would be nobody's."""
    for key in given:
        if key in known and key not in (*_BESIDE_INCLUDE, *SPELLINGS):
            problem = f"{key} cannot stand beside include, which has only when and tags"
            yield Finding(loc=(key,), problem=problem, fix="write it in the file's steps", on_key=True)


def _told_by_a_secret(given: Mapping[str, Any]) -> Iterator[Finding]:
    """What would show a secret step's command or output after all."""
    if "name" not in given:
        problem = "a secret step needs a name: it would be called by the first words of its command"
        yield Finding(loc=("secret",), problem=problem, fix="give it one", on_key=True)
    rollback = given.get("rollback")
    parts = rollback.get("steps") if isinstance(rollback, dict) else None
    for at, part in enumerate(parts if isinstance(parts, list) else ()):
        if isinstance(part, dict) and "name" not in part:
            problem = "each command of a secret step's rollback needs a name"
            yield Finding(loc=("rollback", "steps", at), problem=problem, fix="give it one")
    if "register" in given:
        problem = "what a secret step prints is not kept, and register would keep it"
        fix = "let the step write it to a file in the VPS, which later steps read there"
        yield Finding(loc=("register",), problem=problem, fix=fix, on_key=True)
    if isinstance(given.get("copy"), dict) and "mode" not in given["copy"]:
        problem = "a secret file needs a mode: a new one could be read by everybody"
        yield Finding(loc=("copy",), problem=problem, fix="write mode: '0600'", on_key=True)


def _without_meaning(given: Mapping[str, Any]) -> Iterator[Finding]:
    """Keys that could have no effect beside others: what is written and ignored is a promise that is not kept."""
    background, plain = given.get("background") is True, given.get("exec") == "plain"
    for key in _OF_A_RESULT if background else ():
        if key in given:
            problem = f"{key} asks for a result, and a service (background) has none"
            yield Finding(loc=(key,), problem=problem, fix="ask in a step after this one", on_key=True)
    if background and "copy" in given:
        problem = "a file that is put in place is no service (background)"
        yield Finding(loc=("background",), problem=problem, fix="leave it out", on_key=True)
    if background and plain:
        problem = "a plain command holds its step until it has exited, which a service (background) does not"
        yield Finding(loc=("exec",), problem=problem, fix="keep one of them", on_key=True)
    for key in _GUARDS if background or plain else ():
        if key in given:
            problem = (
                f"a service (background) may count as started before {key} is decided"
                if background
                else f"a plain command cannot say that {key} kept it from running"
            )
            yield Finding(loc=(key,), problem=problem, fix="ask in a step before this one, and use when", on_key=True)
    for key in _OF_AN_INTERRUPTION if plain else ():
        if key in given:
            problem = f"whether a plain command was interrupted cannot be found out, so {key} means nothing"
            yield Finding(loc=(key,), problem=problem, fix="leave it out", on_key=True)
    if given.get("idempotent") is False and given.get("interrupted") == "rerun":
        problem = "a step that is not idempotent must not be run again"
        yield Finding(loc=("interrupted",), problem=problem, fix="keep one of them", on_key=True)
