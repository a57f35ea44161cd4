"""A plan as programs read it: what `orc plan --output json` writes."""

from typing import TypedDict

from orchestrator.model.plan import HostPlan, Plan, Section, Slot
from orchestrator.report.planned import Planned


class WaveJson(TypedDict):
    """name: as the playbook has it, or its number from 1. gates: none, in this version."""

    name: str
    hosts: list[str]
    gates: list[str]


class StepJson(TypedDict):
    """Times in seconds. section: steps, after_rollback or finally. skipped: the hosts on which it is never run."""

    name: str
    section: str
    timeout: float
    attempts: int
    when: str | None
    until: str | None
    failed_when: str | None
    ok_exit: list[int]
    register: str | None
    irreversible: bool
    background: bool
    interrupted: str
    exec: str
    rollback: bool
    rollback_on: list[str]
    skipped: list[str]


class CommandJson(TypedDict):
    """One step on one host. A command that is not final is a template, and waits for these registered results.

    user: empty for the agent's own. when: true; or null where it is decided in the run.
    rollback: null for none; `rollback_...`: as for the command.
    """

    host: str
    step: str
    command: str
    cwd: str
    user: str
    env: dict[str, str]
    when: bool | None
    final: bool
    waits_for: list[str]
    rollback: str | None
    rollback_final: bool
    rollback_waits_for: list[str]


class EstimateJson(TypedDict):
    """calls: to the API, at the least. seconds: null, since nothing is known of past durations."""

    calls: int
    seconds: float | None


class PlanJson(TypedDict):
    """A whole plan; commands that are never run are left out. limits: in hosts; null for none."""

    digest: str
    playbook: str
    inventory: str
    hosts: list[str]
    waves: list[WaveJson]
    budgets: dict[str, int | str]
    limits: dict[str, int | None]
    steps: list[StepJson]
    commands: list[CommandJson]
    estimate: EstimateJson
    warnings: list[str]
    cannot_be_undone: list[str]


def plan_json(plan: Plan) -> PlanJson:
    """The plan as programs read it."""
    planned = Planned.of(plan)
    policy = plan.policy
    return PlanJson(
        digest=plan.digest,
        playbook=plan.file,
        inventory=plan.inventory,
        hosts=[host.host.name for host in plan.hosts],
        waves=[WaveJson(name=wave.name or str(wave.index + 1), hosts=[*wave.hosts], gates=[]) for wave in plan.waves],
        budgets={
            "max_parallel": policy.max_parallel,
            "max_failures": policy.max_failures,
            "max_unreachable": policy.max_unreachable,
            "rollback": policy.rollback.value,
        },
        limits={"max_hosts": plan.limits.max_hosts, "max_share": plan.limits.max_share},
        steps=[_step(planned, index, slot) for index, slot in planned.forward()],
        commands=[
            _command(planned, host, index, slot)
            for host in plan.hosts
            for index, slot in planned.forward()
            if not planned.skipped(host, index)
        ],
        estimate=EstimateJson(calls=planned.calls(), seconds=None),
        warnings=planned.warnings(),
        cannot_be_undone=[slot.name for slot in planned.cannot_be_undone()],
    )


def _step(planned: Planned, index: int, slot: Slot) -> StepJson:
    undo = planned.plan.slots[planned.undo_of[index]] if index in planned.undo_of else None
    return StepJson(
        name=slot.name,
        section=slot.section.value,
        timeout=slot.timeout,
        attempts=slot.retries.attempts,
        when=slot.when.source if slot.when else None,
        until=slot.until.source if slot.until else None,
        failed_when=slot.failed_when.source if slot.failed_when else None,
        ok_exit=[*slot.ok_exit],
        register=slot.register,
        irreversible=slot.irreversible,
        background=slot.background,
        interrupted=slot.interrupted.value,
        exec="plain" if slot.plain else "durable",
        rollback=undo is not None,
        rollback_on=[outcome.value for outcome in undo.undo_on] if undo else [],
        skipped=[host.host.name for host in planned.plan.hosts if planned.skipped(host, index)],
    )


def _command(planned: Planned, host: HostPlan, index: int, slot: Slot) -> CommandJson:
    command = host.commands[index]
    undo = host.commands[planned.undo_of[index]] if slot.section is Section.STEPS and index in planned.undo_of else None
    return CommandJson(
        host=host.host.name,
        step=slot.name,
        command=command.text,
        cwd=command.cwd,
        user=command.user,
        env=dict(command.env),
        when=host.whens[index],
        final=command.final,
        waits_for=[*command.waits_for],
        rollback=undo.text if undo else None,
        rollback_final=undo.final if undo else True,
        rollback_waits_for=[*undo.waits_for] if undo else [],
    )
