"""The step kind `run`: shell text, run by the guest's POSIX shell."""

from orchestrator.model.origin import Text
from orchestrator.steps.kind import Locate, Render, StepKind


def _read(value: object, locate: Locate) -> tuple[Text, ...]:
    if not isinstance(value, str):
        raise ValueError("must be a command, written as text; a list of words stands under argv")
    if not value.strip():
        raise ValueError("the command is empty: write one, or remove the step")
    return (Text(source=value, origin=locate(())),)


def _command(texts: tuple[Text, ...], shell: Render, word: Render) -> str:
    (text,) = texts
    return shell(text)


RUN = StepKind(
    name="run",
    aliases=("command", "shell"),
    help="Shell text, run by the guest's POSIX shell; every value filled into it is quoted.",
    schema={"type": "string", "minLength": 1},
    example="git fetch --tags origin",
    read=_read,
    command=_command,
)
