"""`orc resume`, or `orc continue`: goes on with a run, and says how a host goes on that waits for a person."""

from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import Annotated

import anyio
import typer

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.drive import drive
from orchestrator.cli.lookup import LATEST, find_run, read_view
from orchestrator.cli.options import OutputOption, QuietOption, VerboseOption, WhyOption, begin, whoami
from orchestrator.cli.output import Output
from orchestrator.core.pattern import fold_names, select_planned
from orchestrator.core.run_state import RunState
from orchestrator.engine.live_run import LiveRun, Observer
from orchestrator.errors import InputError
from orchestrator.load import Settings
from orchestrator.model.ids import HostName, RunId
from orchestrator.model.origin import COMMAND_LINE, Text
from orchestrator.model.request import Act


class Choice(Enum):
    """How a host goes on that waits for a person."""

    RETRY = "retry"
    SKIP = "skip"
    FAIL = "fail"


RunArgument = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="The run's id, the beginning of it, or `last`.", show_default=False),
]
ChoiceArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[retry|skip|fail]", help="With --host: how the host goes on that waits for you.", show_default=False
    ),
]
HostsOption = Annotated[
    list[str] | None, typer.Option("--host", metavar="PATTERN", help="The hosts that wait for you.")
]


def command(
    run: RunArgument = None,
    choice: ChoiceArgument = None,
    *,
    hosts: HostsOption = None,
    why: WhyOption = "",
    shown: OutputOption = Output.AUTO,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Go on with a run that was paused, or whose process has ended, from what its journal says.

    Attempts that were under way are attached to, never started twice. Where hosts wait for you to say how they go on
    (their step has `on_failure: pause`): `orc continue RUN --host H retry|skip|fail`, also while the run goes on.
    The exit statuses are those of `orc run`.
    """
    if hosts and choice is None and run in [each.value for each in Choice]:
        run, choice = LATEST, run
    if run is None:
        raise InputError.of("which run?", fix="the newest is: orc resume last")
    if bool(hosts) != (choice is not None):
        raise InputError.of("a host and what is to become of it go together", fix="--host H retry|skip|fail")
    settings = begin(verbose=verbose)
    if choice:
        answer = _read_choice(choice)
        if anyio.run(partial(_answer, run, hosts or (), answer, settings, why=why)):
            return
    raise typer.Exit(anyio.run(partial(go_on, run, settings, shown, quiet=quiet)))


def _read_choice(typed: str) -> Choice:
    try:
        return Choice(typed)
    except ValueError:
        raise InputError.of(f"a host cannot go on by {typed!r}", fix="say retry, skip or fail") from None


async def _answer(typed: str, hosts: Sequence[str], choice: Choice, settings: Settings, *, why: str) -> bool:
    """Keep the answer; whether a process drives the run, which then acts on it."""
    async with wiring.open_journal(settings) as journal:
        found = await find_run(journal, typed)
        view = await read_view(journal, found, settings)
        for host in _waiting(view.state, found, hosts):
            await wiring.ask(journal, found, Act(choice.value), by=whoami(), why=why, host=host)
    if view.driver:
        output.stdout().line(f"{view.driver} was told: {choice.value}. See: orc status {found}")
    return bool(view.driver)


async def go_on(typed: str, settings: Settings, shown: Output, *, quiet: bool) -> int:
    """Drive a run on from its journal, to its end; the exit status."""
    by = whoami()
    async with wiring.open_journal(settings) as journal:
        found = await find_run(journal, typed)

    async def begin_run(observers: Sequence[Observer], on_live: Callable[[LiveRun], None]) -> RunState:
        return await wiring.resume(found, settings, by=by, observers=observers, on_live=on_live)

    return await drive(begin_run, settings, shown, quiet=quiet, by=by)


def _waiting(state: RunState, run: RunId, patterns: Sequence[str]) -> list[HostName]:
    """The hosts that are meant. Raises InputError where one of them does not wait for anybody."""
    pattern = Text(source=",".join(patterns), origin=COMMAND_LINE)
    hosts, asking = select_planned(pattern, state.plan), state.asking()
    if others := [host for host in hosts if host not in asking]:
        those = f"these do: {fold_names(list(asking))}" if asking else "no host of it does"
        problem = f"of run {run}, {fold_names(others)} waits for no answer"
        raise InputError.of(problem, fix=f"{those}; nothing was done")
    return list(hosts)
