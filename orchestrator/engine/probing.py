"""Asking every guest of a plan, read-only: the provider first, then each guest with a program that writes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import anyio

from orchestrator.core import preflight as core_preflight
from orchestrator.core.probed import FOUND_BY, Found, HostFacts, Probe, look_of
from orchestrator.engine import preflight
from orchestrator.engine.fetch import PATIENCE, Guest, Missing
from orchestrator.guest import probe
from orchestrator.guest.probe import Answers, Look, Part
from orchestrator.model.event import StepResult
from orchestrator.model.ids import HostName
from orchestrator.model.plan import HostPlan, Plan
from orchestrator.ports import Clock, NotReachable, ProbeReply, Provider, Refusal

AGAIN = 2
"""How often a program of ours is sent again whose answer is lost."""
_ASKED_WITHOUT_GUARDS = (None, Refusal.BLOCKED, Refusal.INVALID)
"""What may be the guards' own fault: an answer that was lost, a program that the provider refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prober:
    """What is needed to ask. nonce: makes an unguessable word for one question.

    taken: the hosts that are not asked, since a run could not have them, and why. patience: seconds without an answer
    of use after which a guest is given up.
    """

    provider: Provider
    clock: Clock
    nonce: Callable[[], str]
    taken: Mapping[HostName, str]
    patience: float = PATIENCE

    async def probe(self, plan: Plan) -> Probe:
        """What is found out about every host of the plan, as many at once as may be under way in its run.

        Raises Held where the key is refused or the API cannot be reached at all.
        """
        free = tuple(host for host in plan.hosts if host.host.name not in self.taken)
        replies = await preflight.probe_all(replace(plan, hosts=free), self.provider, self.clock) if free else {}
        core_preflight.judge(plan, {name: reply for name, reply in replies.items() if not _is_unknown(reply)})
        found: dict[HostName, HostFacts] = {}
        limit = anyio.Semaphore(plan.policy.max_parallel)

        async def ask(host: HostPlan) -> None:
            async with limit:
                found[host.host.name] = await self._facts(plan, host, replies.get(host.host.name))

        async with anyio.create_task_group() as tasks:
            for host in plan.hosts:
                tasks.start_soon(ask, host)
        return Probe(hosts=tuple(found[host.host.name] for host in plan.hosts))

    async def _facts(self, plan: Plan, host: HostPlan, reply: ProbeReply | None) -> HostFacts:
        def facts(found: Found, why: str = "", answers: Answers | None = None, unasked: str = "") -> HostFacts:
            name, at = host.host.name, self.clock.now()
            return HostFacts(host=name, at=at, found=found, why=why, answers=answers, unasked=unasked)

        if why := self.taken.get(host.host.name):
            return facts(Found.TAKEN, why)
        if isinstance(reply, NotReachable):
            return facts(FOUND_BY[reply.refusal], reply.message)
        look = look_of(plan, host)
        answers, missing = await self._answers(host, look)
        unasked = missing.why if missing else ""
        if answers is None and missing and look.guarded and missing.refusal in _ASKED_WITHOUT_GUARDS:
            answers, missing = await self._answers(host, replace(look, guarded={}))
        if answers is None:
            refusal = missing.refusal if missing else None
            return facts(FOUND_BY[refusal] if refusal else Found.NO_ANSWER, missing.why if missing else "")
        if answers.other_host:
            why = f"it calls itself {answers.hostname!r}, declared is {host.host.hostname!r}"
            return facts(Found.OTHER_HOST, why, answers)
        return facts(Found.READY, answers=answers, unasked=unasked)

    async def _answers(self, host: HostPlan, look: Look) -> tuple[Answers | None, Missing | None]:
        """What the guest said, and what kept it from saying the rest. Guards are asked once, all else thrice.

        A guard is the author's text: it should only look, but nobody has checked that.
        """
        guest = Guest(
            host=host.host,
            provider=self.provider,
            clock=self.clock,
            nonce=self.nonce,
            before=_at_once,
            patience=self.patience,
        )
        answers: Answers | None = None
        for part in probe.write(look, limit=self.provider.capabilities.max_command):
            result = await _ask(guest, part)
            if isinstance(result, Missing):
                return answers, result
            said = probe.read(result.stdout, look)
            answers = answers.and_(said) if answers else said
            if answers.other_host:
                break
        return answers, None


async def _ask(guest: Guest, part: Part) -> StepResult | Missing:
    again = 0 if part.guards else AGAIN
    while isinstance(result := await guest.ask(part.text, part.within, once=True), Missing):
        if result.refusal is not None or not again:
            break
        again -= 1
    return result


def _is_unknown(reply: ProbeReply) -> bool:
    return isinstance(reply, NotReachable) and reply.refusal is Refusal.NO_SUCH_HOST


async def _at_once() -> None:
    """A guest that no run has may be asked."""
