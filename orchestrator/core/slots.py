"""A playbook's steps as the slots of a plan: defaults resolved, rollbacks in a section of their own."""

from collections.abc import Iterator
from dataclasses import replace

from orchestrator.model.gate import WaveCommand
from orchestrator.model.ids import StepName
from orchestrator.model.origin import Text
from orchestrator.model.plan import Section, Slot, Template
from orchestrator.model.playbook import Body, Guard, Playbook, Retries, RollbackRule, Step
from orchestrator.model.rollout import Rollout


def slots(playbook: Playbook) -> tuple[Slot, ...]:
    """STEPS in the playbook's order, UNDO in the order of their steps, HANDLERS, AFTER_ROLLBACK, FINALLY, GATES."""
    undos = [
        slot
        for index, step in enumerate(playbook.steps)
        if step.rollback
        for slot in _undo_slots(playbook, index, step, step.rollback)
    ]
    return (
        *_section(playbook, Section.STEPS, playbook.steps),
        *undos,
        *_section(playbook, Section.HANDLERS, playbook.handlers),
        *_section(playbook, Section.AFTER_ROLLBACK, playbook.after_rollback),
        *_section(playbook, Section.FINALLY, playbook.finally_),
        *(_gate_slot(playbook, gate) for gate, _ in gate_commands(playbook.rollout)),
    )


def paths(playbook: Playbook) -> tuple[str, ...]:
    """For each slot, the keys of the playbook that lead to it: `steps[2]`, `steps[2].rollback`, `finally[0]`.

    The commands of a rollback of several are at `steps[2].rollback.steps[0]` and so on, its check at `...verify`.
    """
    steps = [step.path or f"steps[{index}]" for index, step in enumerate(playbook.steps)]
    return (
        *steps,
        *(
            f"{own}.rollback{path}"
            for own, step in zip(steps, playbook.steps, strict=True)
            if step.rollback
            for path in _undo_paths(step.rollback)
        ),
        *(step.path or f"handlers[{index}]" for index, step in enumerate(playbook.handlers)),
        *(step.path or f"after_rollback[{index}]" for index, step in enumerate(playbook.after_rollback)),
        *(step.path or f"finally[{index}]" for index, step in enumerate(playbook.finally_)),
        *(path for _, path in gate_commands(playbook.rollout)),
    )


def written_gates(rollout: Rollout) -> Iterator[tuple[WaveCommand, str]]:
    """The gates that are asked on the hosts of a wave, and the keys of the playbook that lead to their commands."""
    asked = rollout if any(wave.gates is None for wave in rollout.waves) else replace(rollout, gates=())
    for gate, path in asked.every_gate():
        if isinstance(gate, WaveCommand):
            yield gate, f"{path}.command"


def gate_commands(rollout: Rollout) -> tuple[tuple[WaveCommand, str], ...]:
    """The same, each once: several waves may have one gate."""
    found: dict[str, tuple[WaveCommand, str]] = {}
    for gate, path in written_gates(rollout):
        found.setdefault(gate.name, (gate, path))
    return tuple(found.values())


NO_CHANGE = "false"
"""What a gate's command has changed: it only looks."""


def _gate_slot(playbook: Playbook, gate: WaveCommand) -> Slot:
    """A gate's command is tried once: what it finds is the answer."""
    body = Body(kind="run", texts=(gate.run,)) if gate.run else Body(kind="argv", texts=gate.argv)
    return Slot(
        name=StepName(gate.name),
        section=Section.GATES,
        template=Template(body=body, cwd=playbook.cwd, user=playbook.user, env=tuple(sorted(playbook.env.items()))),
        timeout=gate.timeout,
        retries=Retries(),
        changed_when=Text(source=NO_CHANGE, origin=body.texts[0].origin),
    )


def _section(playbook: Playbook, section: Section, steps: tuple[Step, ...]) -> Iterator[Slot]:
    for step in steps:
        yield Slot(
            name=step.name,
            section=section,
            template=replace(_template(playbook, step, step.body), guards=_guards(step)),
            timeout=playbook.timeout if step.timeout is None else step.timeout,
            retries=step.retries,
            when=step.when,
            under=step.under,
            until=step.until,
            failed_when=step.failed_when,
            changed_when=step.changed_when,
            ok_exit=tuple(sorted(step.ok_exit)),
            register=step.register,
            irreversible=step.irreversible,
            background=step.background,
            interrupted=step.interrupted,
            on_failure=step.on_failure,
            plain=step.plain,
            secret=step.secret,
            run_once=step.run_once,
            handlers=step.handlers,
            repeat=step.repeat,
        )


def _guards(step: Step) -> tuple[tuple[Guard, Text], ...]:
    """In the order in which the guest looks at them. They are the step's own: its undo has none."""
    return tuple((guard, step.guards[guard]) for guard in Guard if guard in step.guards)


VERIFY = "verify"
"""What the check of an undo is called, after its step's name."""


def _undo_slots(playbook: Playbook, index: int, step: Step, rule: RollbackRule) -> Iterator[Slot]:
    """The undo of a step runs as the step does: where, by whom, with what around it; the rule may limit its time.

    It is called like its step; of several commands each has a name of its own after that: `migrate/stop`.
    That the step may be run twice says nothing of its undo.
    """
    names = [f"{step.name}/{part.name}" if part.name else step.name for part in rule.parts]
    parts = [*zip(names, rule.parts, strict=True)]
    parts += [(f"{step.name}/{VERIFY}", rule.verify)] if rule.verify else []
    for name, part in parts:
        limits = (part.timeout, rule.timeout, step.timeout, playbook.timeout)
        yield Slot(
            name=StepName(name),
            section=Section.UNDO,
            template=_template(playbook, step, part.body),
            timeout=next(limit for limit in limits if limit is not None),
            retries=part.retries,
            when=rule.when,
            undo_of=index,
            undo_on=tuple(sorted(rule.on, key=lambda outcome: outcome.value)),
            verifies=part is rule.verify,
            plain=step.plain,
            secret=step.secret,
            repeat=step.repeat,
        )


def _undo_paths(rule: RollbackRule) -> Iterator[str]:
    for at, part in enumerate(rule.parts):
        yield f".steps[{at}]" if part.name else ""
    if rule.verify:
        yield ".verify"


def _template(playbook: Playbook, step: Step, body: Body) -> Template:
    env = {**playbook.env, **step.env}
    return Template(
        body=body, cwd=step.cwd or playbook.cwd, user=step.user or playbook.user, env=tuple(sorted(env.items()))
    )
