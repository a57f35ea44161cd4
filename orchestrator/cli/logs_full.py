"""`orc logs --full`: the whole outputs of a step, from the VPS that keeps them."""

import os
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

from orchestrator import wiring
from orchestrator.cli import output
from orchestrator.cli.logs_busy import Bystander
from orchestrator.cli.logs_bytes import Printer, make_printer
from orchestrator.cli.logs_which import Which, find_which
from orchestrator.core import preflight as core_preflight
from orchestrator.core.layout import lay_out
from orchestrator.engine import preflight
from orchestrator.engine.fetch import Guest, Missing, record_of
from orchestrator.errors import InputError
from orchestrator.load import Settings
from orchestrator.model.event import AttemptEnded, AttemptStarted, UndoEnded, UndoStarted
from orchestrator.model.plan import HostPlan
from orchestrator.ports import Journal, NotReachable, Refusal
from orchestrator.report.logs_full import Begun, from_journal, is_whole, title

NOT_ALL = 6
"""The exit status where not all of it could be had: that of a run with hosts that could not be reached."""


async def print_full(typed: str, host: str | None, step: str | None, settings: Settings) -> int:
    """Print all that the attempts of a step, and of its rollback, have printed on a host; the exit status.

    Raises InputError, and Held where the VPS may not be asked now or the provider refuses us.
    """
    if host is None or step is None:
        raise InputError.of("--full is for one step on one host", fix="orc logs RUN HOST STEP --full")
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(wiring.open_journal(settings))
        which = await find_which(journal, typed, host, step)
        host_plan = next(each for each in which.plan.hosts if each.host.name == which.host)
        begun = await _begun(journal, which)
        printer = make_printer(several=len(begun) > 1)
        if not begun:
            printer.note(_nothing(which, host_plan))
            return 0
        source = await _source(stack, which, host_plan, Bystander(journal, settings, which.plan, host_plan), begun)
        try:
            whole = [await _print(each, which, source, printer) for each in begun]
        except BrokenPipeError:  # whoever read it has seen enough
            return 0
    return 0 if all(whole) else NOT_ALL


async def _begun(journal: Journal, which: Which) -> list[Begun]:
    """The attempts of the step and of its undo, in the order in which they were begun."""
    layout = lay_out(which.plan)
    found: dict[tuple[bool, int], Begun] = {}
    for recorded in await journal.events(which.run, outputs=False):
        match recorded.event:
            case AttemptStarted() | UndoStarted() as event if (event.host, event.step) == (which.host, which.step):
                undo = isinstance(event, UndoStarted)
                found[undo, event.attempt] = Begun(
                    host=event.host, step=event.step, index=layout.find(event.step, undo=undo),
                    undo=undo, attempt=event.attempt, at=recorded.at,
                )  # fmt: skip
            case AttemptEnded() | UndoEnded() as event if (event.host, event.step) == (which.host, which.step):
                key = (isinstance(event, UndoEnded), event.attempt)
                found[key] = replace(found[key], ended=event, at=recorded.at)
            case _:
                pass
    for each in await journal.outputs(which.run, host=which.host, step=which.step):
        found[each.undo, each.attempt] = replace(found[each.undo, each.attempt], output=each)
    return list(found.values())


def _nothing(which: Which, host_plan: HostPlan) -> str:
    """Why there is nothing to print where no attempt was begun."""
    names = {which.plan.slots[index].name for index in host_plan.done}
    if which.step in names:
        earlier = f"orc logs {host_plan.done_in} {which.host} {which.step} --full"
        return f"{which.step} was done on {which.host} by an earlier run: {earlier}"
    return f"{which.step} was not begun on {which.host} in run {which.run}"


async def _source(
    stack: AsyncExitStack, which: Which, host_plan: HostPlan, bystander: Bystander, begun: list[Begun]
) -> Guest | Missing:
    """The VPS, once it is known that it can be asked; or why it cannot."""
    if which.plan.slots[begun[0].index].plain:
        return Missing(why="a plain step keeps nothing in the VPS")
    if which.plan.slots[begun[0].index].secret:
        return Missing(why="what a secret step prints is shown to nobody; the VPS keeps it for its agent's user")
    provider = await stack.enter_async_context(wiring.open_provider(which.plan.provider, os.environ))
    await bystander.look()
    guest = Guest(
        host=host_plan.host,
        provider=provider,
        clock=wiring.clock(),
        nonce=lambda: secrets.token_hex(8),
        before=bystander.look,
    )
    alone = replace(which.plan, hosts=(host_plan,))
    replies = await preflight.probe_all(alone, provider, guest.clock)
    match replies.get(host_plan.host.name):
        case NotReachable(refusal=Refusal.HOST_DOWN | Refusal.NO_SUCH_HOST | Refusal.INVALID, message=message):
            return Missing(why=f"{host_plan.host.name} cannot be reached ({message})")
        case NotReachable(refusal=Refusal.UNAUTHORISED):
            core_preflight.judge(alone, replies)
        case _:  # an API that is ill now is asked again, for a while
            pass
    return guest


async def _print(begun: Begun, which: Which, source: Guest | Missing, printer: Printer) -> bool:
    """Print what an attempt has printed; whether that is all of it."""
    if isinstance(source, Missing):
        return _print_from_journal(begun, source, printer)
    key = record_of(which.run, which.plan, begun.index, begun.attempt)
    kept = await source.look(key)
    if isinstance(kept, Missing):
        return _print_from_journal(begun, kept, printer)
    printer.title(_title(begun, nothing=not any(each.size for each in kept.values())))
    for stream, each in kept.items():
        if not each.size:
            continue
        count = _Counted(printer.begin(stream.called, each.size))
        missing = await source.fetch(key, stream, each, count.write)
        printer.end()
        if missing:
            printer.note(f"{missing.why}; {count.printed:,} of {each.size:,} bytes of {stream.called} are printed")
            return False
    return True


def _print_from_journal(begun: Begun, missing: Missing, printer: Printer) -> bool:
    """Say why the VPS cannot tell, and print what the journal has; whether that is all of it."""
    printer.title(_title(begun))
    printer.note(f"{missing.why}; {from_journal(begun.output)}")
    if begun.output is None:
        return False
    for name, text in (("stdout", begun.output.stdout), ("stderr", begun.output.stderr)):
        if text:
            data = text.encode()
            printer.begin(name, len(data))(data)
            printer.end()
    return is_whole(begun.output)


def _title(begun: Begun, *, nothing: bool = False) -> str:
    return title(begun, output.paper()) + (", printed nothing" if nothing else "")


class _Counted:
    """Prints bytes, and counts them."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self.printed = 0

    def write(self, data: bytes) -> None:
        self._write(data)
        self.printed += len(data)
