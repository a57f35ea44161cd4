"""What of a storm's evidence breaks a promise: each a sentence; none where all is right."""

from collections import Counter
from collections.abc import Iterator

from orchestrator.model.event import StepResult
from orchestrator.model.plan import Section
from orchestrator.model.playbook import Outcome
from tools.chaos.evidence import Attempt, Evidence, GuestRecord, Vps
from tools.chaos.storm import FAILURE, HEARS, Storm, said

KILLED = frozenset({129, 137, 143})
"""The exit statuses of a command that HUP, KILL or TERM has ended."""
WORDS = {"ok": Outcome.OK, "failed": Outcome.FAILED}


def violations(storm: Storm, evidence: Evidence) -> list[str]:
    """Everything that is not as promised."""
    found = list(_of_run(evidence))
    for name in storm.names:
        found += [f"{name}: {sentence}" for sentence in _of_host(storm, evidence, name)]
    found += _of_status(evidence)
    found += _of_printed(evidence)
    return found


def _of_run(evidence: Evidence) -> Iterator[str]:
    if evidence.finished is None:
        yield "the run has not finished"
        return
    listed = Counter(host for hosts in evidence.finished.lists.values() for host in hosts)
    hosts = [host.host.name for host in evidence.plan.hosts]
    if sorted(listed.elements()) != sorted(hosts):
        yield f"the lists of the report are not each host once: {listed}"


def _of_host(storm: Storm, evidence: Evidence, name: str) -> Iterator[str]:
    vps = evidence.fleet[name]
    mine = {key: each for (host, key), each in evidence.attempts.items() if host == name}
    counted = Counter(line for lines in vps.counted.values() for line in lines)
    for key in sorted((counted.keys() | vps.records.keys()) - mine.keys()):
        yield f"{key} ran {counted[key]} times, and the journal has no intent of it"
    for attempt in mine.values():
        for sentence in _of_attempt(storm, evidence, attempt, vps.records.get(attempt.key), counted[attempt.key]):
            yield f"{attempt.key}: {sentence}"
    yield from _of_order(vps, mine)


def _of_attempt(
    storm: Storm, evidence: Evidence, attempt: Attempt, record: GuestRecord | None, ran: int
) -> Iterator[str]:
    if ran > 1:
        yield f"ran {ran} times"
    end = attempt.end
    if end is None:
        yield "was begun and has no end"
        return
    told = f"reported {end.outcome.value} ({end.detail}), status {end.result and end.result.exit_code}"
    if end.outcome is Outcome.UNREACHABLE and (ran or record):
        yield f"{told}, and it ran {ran} times"
    if end.outcome in (Outcome.UNREACHABLE, Outcome.UNKNOWN):
        return
    if record is None:
        if ran or end.result is not None or end.outcome is Outcome.OK:
            yield f"{told}, ran {ran} times, and the guest has no record of it"
        return
    # A machine that goes down kills the command, and the runner may live to write that: 137, 143.
    if record.status is None or (end.interrupted and record.status in (137, 143)):
        yield from _of_interrupted(storm, attempt, told)
        return
    if end.result is None or end.result.exit_code != record.status:
        yield f"{told}, and the guest's own status is {record.status}"
        return
    if record.status in KILLED and storm.interrupts:
        return
    yield from _of_result(storm, evidence, attempt, end.result, record)
    if ran != 1:
        yield f"{told}, and its counter says {ran}"


def _of_interrupted(storm: Storm, attempt: Attempt, told: str) -> Iterator[str]:
    """An attempt that was claimed and left no exit status."""
    end = attempt.end
    if end and (end.outcome is not Outcome.FAILED or (end.result and end.result.exit_code is not None)):
        yield f"{told}, and the guest has no exit status"
    if not storm.interrupts:
        yield f"{told}, and nothing was there that interrupts"


def _of_result(
    storm: Storm, evidence: Evidence, attempt: Attempt, result: StepResult, record: GuestRecord
) -> Iterator[str]:
    """The status is what this attempt had to end with, and the output is its own."""
    slot = evidence.plan.slots[attempt.slot]
    step = attempt.slot + 1 if slot.section is Section.STEPS else 0
    wanted = FAILURE if step and attempt.number <= storm.bad(attempt.host, step) else 0
    if record.status != wanted:
        yield f"ended with status {record.status}, it had to be {wanted}"
    outcome = Outcome.FAILED if record.status else Outcome.OK
    if attempt.end and attempt.end.outcome is not outcome:
        yield f"ended with status {record.status} and was reported {attempt.end.outcome.value}"
    heard = _heard(evidence, attempt.host) if step == HEARS else ""
    if (result.stdout, result.stderr) != said(attempt.key, attempt.host, heard):
        yield f"the report has the output {result.stdout!r} and {result.stderr!r}"
    if (result.stdout.encode(), result.stderr.encode()) != (record.out, record.err):
        yield f"the report has the output {result.stdout!r}, the guest {record.out!r}"
    if (result.stdout_size, result.stderr_size) != (len(record.out), len(record.err)):
        yield "the report has other sizes of the output than the guest"


def _heard(evidence: Evidence, host: str) -> str:
    """What the first step printed in the attempt that succeeded: what it has registered."""
    for (name, _), attempt in evidence.attempts.items():
        if name == host and attempt.slot == 0 and attempt.end and attempt.end.outcome is Outcome.OK:
            return attempt.end.result.stdout.rstrip("\n") if attempt.end.result else ""
    return ""


def _of_order(vps: Vps, mine: dict[str, Attempt]) -> Iterator[str]:
    """Attempts ran in the journal's order, and one at a time: the next began after the end, or death, of the last."""
    began = [line.removeprefix("begin ") for line in vps.order if line.startswith("begin ")]
    if began != [key for key in mine if key in set(began)]:
        yield f"the order in which attempts ran is not the journal's: {began}"
    running = ""
    for line in vps.order:
        word, _, key = line.partition(" ")
        if word == "begin":
            if running and vps.records[running].status not in (*KILLED, None):
                yield f"{key} began while {running} was running"
            running = key
        elif key != running:
            yield f"{key} ended while {running or 'nothing'} was running"
        else:
            running = ""


def _of_status(evidence: Evidence) -> Iterator[str]:
    """`orc status` says of each step what the journal's last attempt of it says."""
    last: dict[tuple[str, int], Attempt] = {(a.host, a.slot): a for a in evidence.attempts.values()}
    for name, host in evidence.status["hosts"].items():
        for index, slot in enumerate(evidence.plan.slots):
            undo = slot.section is Section.UNDO
            shown = host["steps"][slot.name].get("undo") if undo else host["steps"][slot.name]
            attempt = last.get((name, index))
            if attempt is None or attempt.end is None:
                if shown and shown["attempts"]:
                    yield f"{name}: orc status has attempts of {slot.name}, the journal has none"
                continue
            end = attempt.end
            told = (end.outcome.value, end.result.exit_code if end.result else None, attempt.number)
            if not shown or (shown["outcome"], shown["exit_code"], shown["attempts"]) != told:
                yield f"{name}: orc status says {shown} of {slot.name}, the journal {told}"
        steps = [last.get((name, i)) for i, slot in enumerate(evidence.plan.slots) if slot.section is Section.STEPS]
        through = all(a and a.end and a.end.outcome is Outcome.OK for a in steps)
        if host["state"] == "ok" and not through:
            yield f"{name}: listed as ok, and not all of its steps are"
        if host["state"] == "never_started" and any(key[0] == name for key in evidence.attempts):
            yield f"{name}: listed as never started, and something was begun there"


def _of_printed(evidence: Evidence) -> Iterator[str]:
    """What `orc run --output json` printed of an attempt's end is what the journal has; nothing is printed twice."""
    keys = {
        (a.host, evidence.plan.slots[a.slot].name, _undo(evidence, a), a.number): a for a in evidence.attempts.values()
    }
    seen = Counter(line["seq"] for line in evidence.printed)
    yield from (f"the event {seq} was printed {times} times" for seq, times in seen.items() if times > 1)
    for line in evidence.printed:
        if line["type"] not in ("attempt_ended", "undo_ended"):
            continue
        attempt = keys.get((line["host"], line["step"], line["type"] == "undo_ended", line["attempt"]))
        end = attempt.end if attempt else None
        if end is None:
            yield f"orc printed the end of an attempt that the journal does not have: {line}"
        elif (line["outcome"], line["exit_code"]) != (end.outcome.value, end.result.exit_code if end.result else None):
            yield f"orc printed {line}, the journal has {end}"


def _undo(evidence: Evidence, attempt: Attempt) -> bool:
    return evidence.plan.slots[attempt.slot].section is Section.UNDO
