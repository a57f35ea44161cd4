"""What a plan will do, counted and folded: the facts that its text and its JSON share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.core.blast_radius import over_limits
from orchestrator.model.plan import Command, HostPlan, Plan, Section, Slot
from orchestrator.model.playbook import RollbackScope

CALLS_OF_ATTEMPT = 2
"""API calls that an attempt takes at the least: one that starts it, one that finds it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan with what is asked of it again and again. undo_of: the undo's index of each step (by its index)."""

    plan: Plan
    undo_of: Mapping[int, int]

    @classmethod
    def of(cls, plan: Plan) -> "Planned":
        undos = {slot.undo_of: index for index, slot in enumerate(plan.slots) if slot.undo_of is not None}
        return cls(plan=plan, undo_of=undos)

    def forward(self) -> Iterator[tuple[int, Slot]]:
        """Every slot but the undos, with its index."""
        return ((index, slot) for index, slot in enumerate(self.plan.slots) if slot.section is not Section.UNDO)

    def skipped(self, host: HostPlan, index: int) -> bool:
        """Whether this slot, or the step that it takes back, is never run on this host."""
        undone = self.plan.slots[index].undo_of
        return host.whens[index] is False or (undone is not None and host.whens[undone] is False)

    def commands(self) -> Iterator[Command]:
        """Every command that may be run on some host, rollbacks too."""
        for host in self.plan.hosts:
            for index, command in enumerate(host.commands):
                if not self.skipped(host, index):
                    yield command

    def calls(self) -> int:
        """API calls that the run takes at the least, if nothing fails: a probe a host, and each step once."""
        steps = [index for index, slot in self.forward() if slot.section is not Section.AFTER_ROLLBACK]
        attempts = sum(not self.skipped(host, index) for host in self.plan.hosts for index in steps)
        return len(self.plan.hosts) + CALLS_OF_ATTEMPT * attempts

    def cannot_be_undone(self) -> list[Slot]:
        """The steps that no rollback takes back, irreversible ones among them."""
        steps = ((index, slot) for index, slot in self.forward() if slot.section is Section.STEPS)
        return [slot for index, slot in steps if index not in self.undo_of]

    def warnings(self) -> list[str]:
        """What a person should know before this is run; each a sentence."""
        plan, policy, total = self.plan, self.plan.policy, len(self.plan.hosts)
        never = [
            slot.name for index, slot in self.forward() if all(self.skipped(host, index) for host in self.plan.hosts)
        ]
        found = [f"the step {name!r} is run on no host" for name in never]
        if len(plan.waves) == 1 and total > 1:
            found.append(f"all {total:,} hosts go in one wave: there is no canary to fail first")
        if policy.max_failures >= total:
            found.append(f"max_failures is {policy.max_failures}: the run does not stop even if every host fails")
        if policy.rollback is RollbackScope.NONE and self.undo_of:
            found.append("rollback is none: the rollbacks of the steps are not run, whatever fails")
        if over := over_limits(plan.limits, total):
            found.append(f"{total:,} hosts are too many: {over}. It is held unless you say --yes-really {total}")
        return found
