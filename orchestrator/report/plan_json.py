"""A plan as programs read it: what `orc plan --output json` writes."""

from typing import TypedDict

from orchestrator.core.estimate import Estimate, estimate
from orchestrator.gates import told
from orchestrator.model.plan import HostPlan, Plan, Section, Slot, Wave
from orchestrator.report.known import NOTHING_KNOWN, Known
from orchestrator.report.planned import Planned, condition
from orchestrator.report.probe_json import ProbeJson, probe_json
from orchestrator.report.since import BaseJson, since_json


class GateJson(TypedDict):
    """told: what it asks, in words."""

    name: str
    kind: str
    told: str


class WaveJson(TypedDict):
    """name: as the playbook has it, or its number from 1. max_failures: the wave's own; null for none.

    gates: in the order in which they are asked.
    """

    name: str
    hosts: list[str]
    max_failures: int | None
    gates: list[GateJson]


class SpreadJson(TypedDict):
    """values: each host's value of the variable."""

    by: str
    max: int
    values: dict[str, str]


class RolloutJson(TypedDict):
    """Times in seconds. order, seed: of the hosts; seed is empty unless they are shuffled.

    spread: how many hosts of one value may be under way at once; null for none.
    """

    order: str
    seed: str
    spread: SpreadJson | None
    in_flight: str
    min_healthy: float
    progress_deadline: float | None


class FileJson(TypedDict):
    """A file that goes into the guest. size: in bytes."""

    name: str
    size: int
    sha256: str


class StepJson(TypedDict):
    """Times in seconds. section: steps, handlers, after_rollback, finally or gates. handlers: those that it calls.

    run_once: run or wave; null where it is run on every host. skipped: the hosts on which it is never run.
    loop: the name, as written, of the step whose item this is, and index, which item, from 0; null for no loop.
    file: what a script or a copy puts into the guest; null where that is nothing, or nobody's business (secret).
    """

    name: str
    section: str
    timeout: float
    attempts: int
    when: str | None
    until: str | None
    failed_when: str | None
    changed_when: str | None
    loop: str | None
    index: int | None
    ok_exit: list[int]
    register: str | None
    irreversible: bool
    background: bool
    interrupted: str
    exec: str
    secret: bool
    file: FileJson | None
    run_once: str | None
    handlers: list[str]
    rollback: bool
    rollback_on: list[str]
    skipped: list[str]


class CommandJson(TypedDict):
    """One step on one host. A command that is not final is a template, and waits for these registered results.

    user: empty for the agent's own. when: true; or null where it is decided in the run. guards: by their keys (creates,
    unless, only_if); what they say is decided in the guest.
    rollback: null for none, several commands one on a line; `rollback_...`: as for the command, true or all of them.
    rollback_verify: the command that checks the undo, null for none.
    """

    host: str
    step: str
    command: str
    cwd: str
    user: str
    env: dict[str, str]
    when: bool | None
    guards: dict[str, str]
    final: bool
    waits_for: list[str]
    rollback: str | None
    rollback_final: bool
    rollback_waits_for: list[str]
    rollback_when: bool | None
    rollback_verify: str | None


class EstimateJson(TypedDict):
    """If nothing fails, and without the time for which people are asked.

    calls: to the API, at the least. calls_per_second: at the busiest. seconds, seconds_p90: of the whole run, by the
    medians of earlier attempts of its steps and by their 90th percentiles. attempts: that this rests on.
    guessed: steps of which nothing is known; where there are any, the seconds are a guess.
    """

    calls: int
    calls_per_second: float
    seconds: float
    seconds_p90: float
    attempts: int
    guessed: list[str]


class PlanJson(TypedDict):
    """A whole plan; commands that are never run are left out. limits: in hosts; null for none.

    tags, skip_tags: those by which steps were chosen; left_out: the steps that they leave out.
    probe: what the guests said; null where they were not asked.
    """

    digest: str
    playbook: str
    inventory: str
    hosts: list[str]
    waves: list[WaveJson]
    budgets: dict[str, int | str]
    rollout: RolloutJson
    tags: list[str]
    skip_tags: list[str]
    left_out: list[str]
    limits: dict[str, int | None]
    steps: list[StepJson]
    commands: list[CommandJson]
    estimate: EstimateJson
    warnings: list[str]
    cannot_be_undone: list[str]
    probe: ProbeJson | None
    diff: BaseJson | None


def plan_json(plan: Plan, known: Known = NOTHING_KNOWN) -> PlanJson:
    """The plan as programs read it, with what is known besides."""
    planned = Planned.of(plan)
    policy = plan.policy
    return PlanJson(
        digest=plan.digest,
        playbook=plan.file,
        inventory=plan.inventory,
        hosts=[host.host.name for host in plan.hosts],
        waves=[_wave(wave) for wave in plan.waves],
        budgets={
            "max_parallel": policy.max_parallel,
            "max_failures": policy.max_failures,
            "max_unreachable": policy.max_unreachable,
            "rollback": policy.rollback.value,
        },
        rollout=_rollout(plan),
        tags=[*plan.tags.only],
        skip_tags=[*plan.tags.skip],
        left_out=[*plan.tags.left_out],
        limits={"max_hosts": plan.limits.max_hosts, "max_share": plan.limits.max_share},
        steps=[_step(planned, index, slot) for index, slot in planned.forward()],
        commands=[
            _command(planned, host, index, slot)
            for host in planned.plan.hosts
            for index, slot in planned.forward()
            if not planned.skipped(host, index)
        ],
        estimate=_estimate(estimate(plan, known.durations)),
        warnings=planned.warnings(),
        cannot_be_undone=[slot.name for slot in planned.cannot_be_undone()],
        probe=probe_json(known.probed) if known.probed else None,
        diff=since_json(known.since) if known.since else None,
    )


def _estimate(found: Estimate) -> EstimateJson:
    return EstimateJson(
        calls=found.calls,
        calls_per_second=round(found.peak, 1),
        seconds=round(found.seconds, 1),
        seconds_p90=round(found.seconds_p90, 1),
        attempts=found.attempts,
        guessed=[*found.guessed],
    )


def _wave(wave: Wave) -> WaveJson:
    return WaveJson(
        name=wave.name or str(wave.index + 1),
        hosts=[*wave.hosts],
        max_failures=wave.max_failures,
        gates=[GateJson(name=gate.name, kind=gate.kind, told=told(gate)) for gate in wave.gates],
    )


def _rollout(plan: Plan) -> RolloutJson:
    policy = plan.policy
    spread = policy.spread
    values: dict[str, str] = {host.host.name: host.spread for host in plan.hosts}
    return RolloutJson(
        order=policy.order.value,
        seed=policy.seed,
        spread=SpreadJson(by=spread.by, max=spread.max, values=values) if spread else None,
        in_flight=policy.in_flight.value,
        min_healthy=policy.min_healthy,
        progress_deadline=policy.progress_deadline,
    )


def _step(planned: Planned, index: int, slot: Slot) -> StepJson:
    undo = planned.plan.slots[planned.undos_of[index][0]] if index in planned.undos_of else None
    return StepJson(
        name=slot.name,
        section=slot.section.value,
        timeout=slot.timeout,
        attempts=slot.retries.attempts,
        when=condition(slot) or None,
        until=slot.until.source if slot.until else None,
        failed_when=slot.failed_when.source if slot.failed_when else None,
        changed_when=slot.changed_when.source if slot.changed_when else None,
        loop=slot.repeat.step if slot.repeat else None,
        index=slot.repeat.index if slot.repeat else None,
        ok_exit=[*slot.ok_exit],
        register=slot.register,
        irreversible=slot.irreversible,
        background=slot.background,
        interrupted=slot.interrupted.value,
        exec="plain" if slot.plain else "durable",
        secret=slot.secret,
        file=_file(slot),
        run_once=slot.run_once.value if slot.run_once else None,
        handlers=[*slot.handlers],
        rollback=undo is not None,
        rollback_on=[outcome.value for outcome in undo.undo_on] if undo else [],
        skipped=[host.host.name for host in planned.plan.hosts if planned.skipped(host, index)],
    )


def _file(slot: Slot) -> FileJson | None:
    file = None if slot.secret else slot.template.body.file
    return FileJson(name=file.name, size=len(file.content), sha256=file.sha256) if file else None


def _command(planned: Planned, host: HostPlan, index: int, slot: Slot) -> CommandJson:
    command = host.commands[index]
    slots = planned.plan.slots
    all_undos = planned.undos_of.get(index, ()) if slot.section is Section.STEPS else ()
    undos = [host.commands[undo] for undo in all_undos if not slots[undo].verifies]
    verify = next((host.commands[undo].text for undo in all_undos if slots[undo].verifies), None)
    return CommandJson(
        host=host.host.name,
        step=slot.name,
        command=command.text,
        cwd=command.cwd,
        user=command.user,
        env=dict(command.env),
        when=host.whens[index],
        guards={guard.value: text for guard, text in command.guards},
        final=command.final,
        waits_for=[*command.waits_for],
        rollback="\n".join(undo.text for undo in undos) if undos else None,
        rollback_final=all(undo.final for undo in undos),
        rollback_waits_for=sorted({name for undo in undos for name in undo.waits_for}),
        rollback_when=host.whens[all_undos[0]] if all_undos else True,
        rollback_verify=verify,
    )
