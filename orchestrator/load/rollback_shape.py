"""How a step is taken back, as people write it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from orchestrator.load.bodies import ONE_BODY, SPELLINGS, one_body, with_bodies
from orchestrator.load.fields import Duration, Expression, Label, OneOrMany
from orchestrator.load.problems import Finding
from orchestrator.load.retries_shape import RetriesShape
from orchestrator.load.shape import Shape

_ONE_BODY_OR_STEPS: JsonDict = {"oneOf": [{"required": [key]} for key in (*SPELLINGS, "steps")]}

_AS_ITS_STEP = dict.fromkeys(("user", "cwd", "env", "exec"), "leave it out: an undo has its step's")


@with_bodies
class UndoPartShape(Shape):
    """One command of a rollback."""

    model_config = ConfigDict(json_schema_extra=ONE_BODY)

    example: ClassVar[str] = "{name: stop, run: systemctl stop app}"
    moved: ClassVar[Mapping[str, str]] = {
        **_AS_ITS_STEP,
        "when": "write it beside `steps`: it is decided once for the whole rollback",
    }

    name: Label | None = Field(
        default=None,
        description="What the command is called, once in a rollback; taken from the command if not given.",
        examples=["stop"],
    )
    timeout: Duration | None = Field(default=None, description="How long it may take.", examples=["1m"])
    retries: RetriesShape | None = Field(
        default=None, description="How often it is tried.", examples=[{"attempts": 3, "delay": "5s"}]
    )

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        return one_body(given, known=cls.known())


@with_bodies
class VerifyShape(Shape):
    """What finds out whether an undo has worked."""

    model_config = ConfigDict(json_schema_extra=ONE_BODY)

    example: ClassVar[str] = "{run: curl -fsS localhost:8000/health}"
    moved: ClassVar[Mapping[str, str]] = _AS_ITS_STEP

    timeout: Duration | None = Field(default=None, description="How long it may take.", examples=["1m"])
    retries: RetriesShape | None = Field(
        default=None, description="How often it is tried.", examples=[{"attempts": 3, "delay": "5s"}]
    )

    @classmethod
    def spread(cls, data: object) -> object:
        return {"run": data} if isinstance(data, str) else data

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        return one_body(given, known=cls.known())


@with_bodies
class RollbackShape(Shape):
    """How a step is taken back."""

    model_config = ConfigDict(json_schema_extra=_ONE_BODY_OR_STEPS)

    moved: ClassVar[Mapping[str, str]] = _AS_ITS_STEP

    on: Annotated[list[Literal["failed", "timed_out", "unknown"]], OneOrMany()] = Field(
        default=["failed", "timed_out"],
        description="The outcomes of the step, besides success, after which it is taken back.",
        examples=[["failed", "timed_out", "unknown"]],
    )
    timeout: Duration | None = Field(default=None, description="How long the undo may take.", examples=["1m"])
    retries: RetriesShape | None = Field(
        default=None, description="How often the undo is tried.", examples=[{"attempts": 3, "delay": "5s"}]
    )
    when: Expression | None = Field(
        default=None,
        description="Where this is false when its turn comes, the step need not be taken back.",
        examples=["before.ok"],
    )
    steps: Annotated[list[UndoPartShape], Field(min_length=1)] | None = Field(
        default=None,
        description="Commands that take the step back together, in this order.",
        examples=[[{"name": "stop", "run": "systemctl stop app"}, {"run": "./migrate down"}]],
    )
    verify: VerifyShape | None = Field(
        default=None,
        description="A command that is run after the undo, which has failed if this does.",
        examples=["curl -fsS localhost:8000/health"],
    )

    @classmethod
    def spread(cls, data: object) -> object:
        return {"run": data} if isinstance(data, str) else data

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        yield from one_body(given, known=cls.known(), others=("steps",))
        if "steps" in given and "retries" in given:
            yield Finding(
                loc=("retries",), problem="each of the steps has retries of its own", fix="write it there", on_key=True
            )
