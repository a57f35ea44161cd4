"""The undo certificate: what became of every step on every host of a run that took something back."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from orchestrator import codec
from orchestrator.core.evolve import given_up
from orchestrator.core.layout import Layout, Undo
from orchestrator.core.run_state import RunState
from orchestrator.model.event import Recorded
from orchestrator.model.ids import HostName, RunId, StepName
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import HostState, Progress, Standing


class Fate(Enum):
    """What became of one step on one host."""

    DONE = "done"
    """It was done and not taken back."""
    UNDONE = "undone"
    """It was taken back."""
    VERIFIED = "verified"
    """It was taken back, and the rollback's `verify` has found it so."""
    IRREVERSIBLE = "irreversible"
    """It may have had an effect, and its author says that nothing takes it back."""
    NO_ROLLBACK = "no rollback"
    """It may have had an effect, and it has no rollback."""
    NOT_OWED = "not owed"
    """Its rollback was not for how it had ended, or the rollback's `when` was false."""
    FAILED = "failed"
    """Its undo failed or was cut short; or it failed itself, and nothing was taken back there."""
    NEVER_STARTED = "never started"
    """Nothing of it was run here: its turn never came, or it was passed over."""


Table = Mapping[HostName, Mapping[StepName, Fate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a run took back, and proof of what it was made from.

    events: the hash over all of the run's events (`hash_of_events`), and how many there are: `last`.
    digest: sha256, in hex, over the canonical JSON of all the rest.
    """

    run: RunId
    plan: str
    events: str
    last: int
    table: Table
    digest: str


def took_back(state: RunState) -> bool:
    """Whether a run is of those that a certificate is made of: it has ended, and an undo was begun or not owed."""
    if state.finished is None:
        return False
    slots = [undo.slot for undo in state.layout.undos]
    return any(_begun(mine.progress[slot]) for mine in state.hosts.values() for slot in slots)


def certify(run: RunId, state: RunState, events: Iterable[Recorded]) -> Certificate:
    """The certificate of a run that has ended. events: all of them, with their outputs, in order."""
    hashed, last = hash_of_events(events)
    unsigned = Certificate(run=run, plan=state.plan.digest, events=hashed, last=last, table=table_of(state), digest="")
    return replace(unsigned, digest=hashlib.sha256(codec.canonical(_body(unsigned))).hexdigest())


def table_of(state: RunState) -> Table:
    """What became of each step on each host."""
    return {host: fates(state, mine) for host, mine in state.hosts.items()}


def hash_of_events(events: Iterable[Recorded]) -> tuple[str, int]:
    """The running hash of these events, and the seq of the last: each link is sha256 over the link before it (32 bytes,
    none before the first) and the event's canonical JSON, its run, seq, time and type included.
    """
    link, last = b"", 0
    for recorded in events:
        body = {"run": recorded.run, "seq": recorded.seq, "at": recorded.at, "type": recorded.event.type}
        text = codec.canonical({**body, "event": codec.to_json(recorded.event)})
        link, last = hashlib.sha256(link + text).digest(), recorded.seq
    return link.hex(), last


def certificate_json(certificate: Certificate) -> dict[str, Any]:
    """The certificate as programs read it and as it is kept in a file."""
    return {**_body(certificate), "digest": certificate.digest}


def _body(certificate: Certificate) -> dict[str, Any]:
    return {
        "run": certificate.run,
        "plan_digest": certificate.plan,
        "events": {"last": certificate.last, "sha256": certificate.events},
        "table": {
            host: {step: fate.value for step, fate in steps.items()} for host, steps in certificate.table.items()
        },
    }


def differences(kept: object, certificate: Certificate) -> list[str]:
    """What a kept certificate (the JSON of a file) says otherwise than the journal does now; each a sentence."""
    if not isinstance(kept, dict):
        return ["it is no certificate: it is not a mapping"]
    now = certificate_json(certificate)
    if set(kept) != set(now):
        return [f"it is no certificate: it must have exactly the keys {', '.join(sorted(now))}"]
    found = []
    body = {key: value for key, value in kept.items() if key != "digest"}
    try:
        own = hashlib.sha256(codec.canonical(body)).hexdigest()
    except ValueError:
        own = ""
    if own != kept["digest"]:
        found.append("it was changed since it was made: its digest is not that of what it says")
    if kept["run"] != now["run"]:
        found.append(f"it is of another run than {certificate.run}")
    if kept["plan_digest"] != now["plan_digest"]:
        found.append("the run's plan is another")
    if kept["events"] != now["events"]:
        found.append("the run's events in the journal are others than those that it was made from")
    found += _other_rows(kept["table"], now["table"])
    if not found and kept["digest"] != now["digest"]:
        found.append("its digest is another")
    return found


def _other_rows(kept: object, now: Mapping[str, Mapping[str, str]]) -> list[str]:
    if not isinstance(kept, dict):
        return ["its table is no mapping"]
    rows = [host for host in sorted({*kept, *now}) if kept.get(host) != now.get(host)]
    return [f"of {host} it says otherwise than the journal" for host in rows]


def fates(state: RunState, mine: HostState) -> Mapping[StepName, Fate]:
    """What became of each step on one host."""
    layout = state.layout
    back = mine.settled in (Standing.ROLLED_BACK, Standing.ROLLBACK_FAILED) or any(
        _begun(mine.progress[undo.slot]) for undo in layout.undos
    )
    return {layout.slots[index].name: _fate(layout, mine, index, back=back) for index in layout.steps}


def _fate(layout: Layout, mine: HostState, index: int, *, back: bool) -> Fate:
    """back: the host was taken back, if not to the end."""
    slot, progress = layout.slots[index], mine.progress[index]
    if progress.effect is None and not progress.running:
        return Fate.NEVER_STARTED
    if not back:
        return Fate.DONE if progress.effect is Outcome.OK else Fate.FAILED
    if slot.irreversible:
        return Fate.IRREVERSIBLE
    undos = [undo for undo in layout.undos if undo.step == index]
    if not undos:
        return Fate.NO_ROLLBACK
    if any(_begun(mine.progress[undo.slot]) for undo in undos):
        return _fate_of_undo(layout, mine, undos)
    ended = Outcome.UNKNOWN if progress.may_be_running else progress.effect
    if ended is not Outcome.OK and ended not in layout.slots[undos[0].slot].undo_on:
        return Fate.NOT_OWED
    return Fate.DONE if ended is Outcome.OK else Fate.FAILED


def _fate_of_undo(layout: Layout, mine: HostState, undos: list[Undo]) -> Fate:
    ends = [mine.progress[undo.slot] for undo in undos]
    if all(end.relied_on for end in ends):
        return Fate.DONE
    if all(end.skipped for end in ends):
        return Fate.NOT_OWED
    broken = any(given_up(layout.slots[undo.slot], mine.progress[undo.slot]) for undo in undos)
    if broken or not all(end.done for end in ends):
        return Fate.FAILED
    return Fate.VERIFIED if any(undo.verifies for undo in undos) else Fate.UNDONE


def _begun(progress: Progress) -> bool:
    return progress.outcome is not None or progress.running or progress.skipped
