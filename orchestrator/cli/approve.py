"""`orc approve`, and what `orc deny` shares with it: answers the gate at which a run waits for a person."""

from functools import partial
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.lookup import answer_given, find_run, read_view
from orchestrator.cli.options import RunArgument, begin, whoami
from orchestrator.errors import Held, InputError
from orchestrator.load import Settings
from orchestrator.model.request import Act, Request
from orchestrator.report.questions import answered
from orchestrator.report.view import RunView

GateArgument = Annotated[
    str | None, typer.Argument(metavar="[GATE]", help="What the gate is called.", show_default=False)
]
ReasonOption = Annotated[str, typer.Option("-m", "--message", metavar="WHY", help="Why: it is kept for good.")]


def command(run: RunArgument, gate: GateArgument = None, *, why: ReasonOption) -> None:
    """Let a run go on that waits for a person after a wave. Kept with who did it, when and why.

    Where no process drives the run, `orc resume RUN` then goes on with it. Exit status 7 where you may not answer.
    """
    anyio.run(partial(answer, run, gate, Act.APPROVE, begin(), why))


async def answer(typed: str, gate: str | None, act: Act, settings: Settings, why: str) -> None:
    """Keep an answer. Raises InputError where nothing waits for one, Held where this one does not count."""
    if not why.strip():
        raise InputError.of("the reason is empty", fix="say why with -m, for those who will wonder")
    by = whoami()
    async with wiring.open_journal(settings) as journal:
        found = await find_run(journal, typed)
        view = await read_view(journal, found, settings)
        question = view.state.between.question
        if question is None or view.state.finished:
            raise InputError.of(f"run {found} is at no gate", fix=f"see: orc status {found}")
        if objection := view.state.objection(gate, by=by, at=wiring.clock().now()):
            raise Held(f"run {found}: {objection}; nothing was recorded", next=(f"orc status {found}",))
        if view.answer:
            raise _too_late(view, view.answer)
        mine = await wiring.ask(journal, found, act, by=by, why=why, gate=question.gate.name)
        first = await answer_given(journal, found, view.state)
        if first and first.id != mine.id:  # somebody else was quicker, in this very moment
            raise _too_late(view, first)
    said = f"{question.gate.name} after wave {question.wave + 1} of run {found}: {act.value}, says {by}"
    then = f"{view.driver} was told" if view.driver else f"have it done: orc resume {found}"
    output.stdout().line(f"{said}; {then}")


def _too_late(view: RunView, first: Request) -> Held:
    """The error where the question has its answer, which alone counts."""
    then = f"orc status {view.id}" if view.driver else f"orc resume {view.id}"
    return Held(f"run {view.id}: {answered(first, output.paper())}; only that counts", next=(then,))
