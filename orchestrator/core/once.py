"""Steps that run once: which hosts wait for one, which rely on it, and whether it was lost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

from orchestrator.core.host import owed, owes_undo
from orchestrator.core.host_decisions import OnceSignal
from orchestrator.core.layout import Layout
from orchestrator.model.ids import HostName, StepName
from orchestrator.model.plan import HostPlan, Once, Plan
from orchestrator.model.playbook import Outcome, RunOnce
from orchestrator.model.rollout import RollbackScope
from orchestrator.model.state import HostState, Standing


@dataclass(slots=True, kw_only=True)
class Passage:
    """How many hosts stand where to a step that is run on another host.

    waiting: under way, and it is their next step. first: not begun, and it is their next step. passing: under way, and
    past it. relying: they have begun a step after it, and were not rolled back. owing: of these, those that would have
    something to undo.
    """

    waiting: int = 0
    first: int = 0
    passing: int = 0
    relying: int = 0
    owing: int = 0


class OnceLedger:
    """The counters of all steps that run once, changed in place by what changes on one host.

    lost: those (slot and host) that were not done, or are taken back, so that nobody can go on from them. What is lost
    once stays so.
    """

    def __init__(self, plan: Plan, layout: Layout) -> None:
        self._plan, self._layout = plan, layout
        self._whole = {each.slot: Passage() for each in plan.once}
        self._of_wave = [{each.slot: Passage() for each in plan.once} for _ in plan.waves]
        self.lost: set[tuple[int, HostName]] = set()

    def count(self, host: HostPlan, state: HostState, sign: int) -> None:
        """Add (sign 1) or take away (-1) one host as it stands."""
        for each in self._plan.once:
            if each.hosts[host.wave] != host.host.name and each.slot not in host.done:
                found = _passage(self._layout, state, each.slot)
                _add(self._whole[each.slot], found, sign)
                _add(self._of_wave[host.wave][each.slot], found, sign)

    def shared(
        self, host: HostPlan, step: StepName, state: HostState, hosts: Mapping[HostName, HostState]
    ) -> HostState:
        """The state of a host that goes past a step which ran elsewhere: it has its result, too."""
        index = self._layout.find(step, undo=False)
        name = self._layout.slots[index].register
        on = next((each.hosts[host.wave] for each in self._plan.once if each.slot == index), host.host.name)
        if name is None or name not in hosts[on].registered or index in host.done:
            return state
        return replace(state, registered={**state.registered, name: hosts[on].registered[name]})

    def runs(self, host: HostPlan) -> bool:
        """Whether a step is run on this host for others, too."""
        return any(host.host.name in each.hosts for each in self._plan.once)

    def lose(self, host: HostPlan, state: HostState) -> int:
        """Note what nobody can go on from, now that this host has failed; how many steps those are.

        A step that was done stays where other hosts rely on it, or nothing will take it back.
        """
        found = [
            each.slot
            for each in self._plan.once
            if each.hosts[host.wave] == host.host.name
            and (not state.progress[each.slot].done or self._will_be_undone(each, host, state))
        ]
        self.lost.update((slot, host.host.name) for slot in found)
        return len(found)

    def _will_be_undone(self, once: Once, host: HostPlan, state: HostState) -> bool:
        if self._plan.policy.rollback is RollbackScope.NONE or state.stays:
            return False
        asked = any(undo.step == once.slot for undo in owed(self._layout, state))
        return asked and not self._passage(once, host.wave).relying

    def _passage(self, once: Once, wave: int) -> Passage:
        """Of the hosts that the step concerns: those of the run, or of one wave."""
        if self._layout.slots[once.slot].run_once is RunOnce.RUN:
            return self._whole[once.slot]
        return self._of_wave[wave][once.slot]

    def done(self, once: Once, wave: int, hosts: Mapping[HostName, HostState]) -> bool:
        """Whether the hosts of a wave may go past a step."""
        on = once.hosts[wave]
        return hosts[on].progress[once.slot].done and (once.slot, on) not in self.lost

    def held(self, wave: int, hosts: Mapping[HostName, HostState]) -> tuple[int, int]:
        """How many hosts of a wave can do nothing until a step is done elsewhere: under way, and not begun."""
        open_ = [each.slot for each in self._plan.once if not self.done(each, wave, hosts)]
        passages = [self._of_wave[wave][slot] for slot in open_]
        return sum(each.waiting for each in passages), sum(each.first for each in passages)

    def holds(self, host: HostPlan, hosts: Mapping[HostName, HostState]) -> bool:
        """Whether a host that has not begun can do nothing until a step is done elsewhere."""
        mine = hosts[host.host.name]
        return any(
            each.hosts[host.wave] != host.host.name
            and each.slot not in host.done
            and not self.done(each, host.wave, hosts)
            and _passage(self._layout, mine, each.slot).first > 0
            for each in self._plan.once
        )

    def signals(
        self, wave: int, hosts: Mapping[HostName, HostState], *, over: bool, newest: int
    ) -> tuple[OnceSignal, ...]:
        """What the hosts of a wave are told of each step. over: the run goes no further, and may be taken back."""
        scope = self._plan.policy.rollback
        taken_back = newest if over and scope is RollbackScope.WAVE else None
        all_taken_back = over and scope is RollbackScope.RUN
        found = []
        for each in self._plan.once:
            on, passage = each.hosts[wave], self._passage(each, wave)
            owing = passage.owing if all_taken_back else 0
            if taken_back is not None:
                owing = self._of_wave[taken_back][each.slot].owing
            found.append(
                OnceSignal(
                    slot=each.slot,
                    host=on,
                    done=self.done(each, wave, hosts),
                    begun=hosts[on].begun,
                    relied=passage.relying > 0,
                    passing=passage.passing > 0 or owing > 0,
                )
            )
        return tuple(found)


def concerned(plan: Plan, once: Once, on: HostName) -> Iterator[HostName]:
    """The other hosts for which a step was run on this one: those of the run, or of its wave."""
    everywhere = plan.slots[once.slot].run_once is RunOnce.RUN
    for wave in plan.waves:
        if everywhere or once.hosts[wave.index] == on:
            yield from (host for host in wave.hosts if host != on)


def relies(layout: Layout, state: HostState, slot: int) -> bool:
    """Whether a host has begun a step after this one, and is not as it was before."""
    later = any(state.progress[index].effect is not None for index in layout.steps if index > slot)
    undone = any(state.progress[undo.slot].outcome is Outcome.OK for undo in layout.undos)
    return later and not (undone and not owed(layout, state))


def _add(passage: Passage, found: Passage, sign: int) -> None:
    for each in fields(Passage):
        setattr(passage, each.name, getattr(passage, each.name) + sign * getattr(found, each.name))


def _passage(layout: Layout, state: HostState, slot: int) -> Passage:
    """How one host stands to a step that is run elsewhere."""
    under_way = state.begun and state.settled is None
    if not state.progress[slot].skipped:
        following = next((i for i in layout.steps if not state.progress[i].done), None) == slot
        waiting = following and under_way and state.failure is None
        return Passage(waiting=int(waiting), first=int(following and not state.begun))
    later = any(state.progress[i].touched for i in layout.steps if i > slot)
    relying = later and state.settled is not Standing.ROLLED_BACK
    return Passage(passing=int(under_way), relying=int(relying), owing=int(relying and owes_undo(layout, state)))
