"""What a plan will do, counted and folded: the facts that its text and its JSON share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator import lint
from orchestrator.core.blast_radius import over_limits
from orchestrator.core.probed import is_skipped
from orchestrator.core.secret import veiled
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Command, HostPlan, Plan, Section, Slot
from orchestrator.model.playbook import RunOnce
from orchestrator.model.rollout import RollbackScope


def condition(slot: Slot) -> str:
    """All that must hold for a slot to be run, as one expression; empty for none."""
    texts = [condition.source for condition in slot.conditions]
    return texts[0] if len(texts) == 1 else " and ".join(f"({text})" for text in texts)


def _told(found: lint.Warning) -> str:
    return f"{found.step!r}, {found.origin}: {found.problem}; {found.fix} ({found.rule})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, its secrets veiled, with what is asked of it again and again.

    undos_of: for each step (by its index) that has a rollback, the indices of its commands, the check last.
    unveiled: the plan with its secrets, for the rules of `lint`, which say nothing of what a secret command is made of.
    """

    plan: Plan
    undos_of: Mapping[int, tuple[int, ...]]
    unveiled: Plan

    @classmethod
    def of(cls, plan: Plan) -> "Planned":
        undos: dict[int, tuple[int, ...]] = {}
        for index, slot in enumerate(plan.slots):
            if slot.undo_of is not None:
                undos[slot.undo_of] = (*undos.get(slot.undo_of, ()), index)
        return cls(plan=veiled(plan), undos_of=undos, unveiled=plan)

    def forward(self) -> Iterator[tuple[int, Slot]]:
        """Every slot but the undos, with its index."""
        return ((index, slot) for index, slot in enumerate(self.plan.slots) if slot.section is not Section.UNDO)

    def steps(self) -> Iterator[tuple[int, Slot]]:
        """Every slot that is one of a host's own steps: neither an undo nor the command of a gate, with its index."""
        return ((index, slot) for index, slot in self.forward() if slot.section is not Section.GATES)

    def skipped(self, host: HostPlan, index: int) -> bool:
        """Whether this slot, or the step that it takes back, is never run on this host."""
        return is_skipped(self.plan, host, index)

    def elsewhere(self, host: HostPlan, step: int) -> HostName | None:
        """The host on which this step is run for this one, too."""
        found = (each.hosts[host.wave] for each in self.plan.once if each.slot == step)
        return next((name for name in found if name != host.host.name), None)

    def commands(self) -> Iterator[Command]:
        """Every command that may be run on some host, rollbacks too."""
        for host in self.plan.hosts:
            for index, command in enumerate(host.commands):
                if not self.skipped(host, index):
                    yield command

    def does_anything(self) -> bool:
        """Whether any step may be run on any host."""
        steps = [index for index, slot in self.forward() if slot.section is Section.STEPS]
        return any(not self.skipped(host, index) for host in self.plan.hosts for index in steps)

    def cannot_be_undone(self) -> list[Slot]:
        """The steps that no rollback takes back, irreversible ones among them."""
        steps = ((index, slot) for index, slot in self.forward() if slot.section is Section.STEPS)
        return [slot for index, slot in steps if index not in self.undos_of]

    def warnings(self) -> list[str]:
        """What a person should know before this is run; each a sentence."""
        plan, policy, total = self.plan, self.plan.policy, len(self.plan.hosts)
        never = [
            slot.name for index, slot in self.steps() if all(self.skipped(host, index) for host in self.plan.hosts)
        ]
        found = [f"the step {name!r} is run on no host" for name in never]
        found += [f"the wave {wave} is left out: none of its hosts is in this run" for wave in plan.left_out]
        if len(plan.waves) == 1 and total > 1:
            found.append(f"all {total:,} hosts go in one wave: there is no canary to fail first")
        if policy.max_failures >= total:
            found.append(f"max_failures is {policy.max_failures}: the run does not stop even if every host fails")
        if policy.rollback is RollbackScope.NONE and self.undos_of:
            found.append("rollback is none: the rollbacks of the steps are not run, whatever fails")
        if over := over_limits(plan.limits, total):
            found.append(f"{total:,} hosts are too many: {over}. It is held unless you say --yes-really {total}")
        called = {name for slot in plan.slots for name in slot.handlers}
        found += [f"no step calls the handler {slot.name!r}" for slot in self._handlers() if slot.name not in called]
        found += [
            f"the rollback of {plan.slots[step].name!r} is the step's own command: "
            "nothing to go back to, it would do again what failed"
            for step in self.undos_of
            if self._same_as_now(step)
        ]
        # What was said of a value that is there is not said again of what it might be.
        said = {remark.partition(": ")[0] for remark in plan.remarks}
        rules = [_told(each) for each in lint.warnings(self.unveiled) if str(each.origin) not in said]
        return [*found, *self._kept(), *rules, *plan.remarks]

    def _same_as_now(self, step: int) -> bool:
        """Whether the rollback of a step, which is one command, is the step's own on some host."""
        undos = [index for index in self.undos_of[step] if not self.plan.slots[index].verifies]
        return len(undos) == 1 and any(
            host.commands[undos[0]] == host.commands[step]
            for host in self.plan.hosts
            if not self.skipped(host, undos[0])
        )

    def _handlers(self) -> list[Slot]:
        return [slot for slot in self.plan.slots if slot.section is Section.HANDLERS]

    def _kept(self) -> list[str]:
        """The steps that run once whose rollback is left out where other hosts stay as they are."""
        wide = {RollbackScope.RUN: frozenset(RunOnce), RollbackScope.WAVE: frozenset({RunOnce.WAVE})}
        covered = wide.get(self.plan.policy.rollback, frozenset())
        slots = [self.plan.slots[each.slot] for each in self.plan.once if each.slot in self.undos_of]
        return [
            f"{slot.name!r} runs once for all: it is not taken back while other hosts rely on it, "
            f"and rollback is {self.plan.policy.rollback.value}"
            for slot in slots
            if slot.run_once not in covered and self.plan.policy.rollback is not RollbackScope.NONE
        ]
