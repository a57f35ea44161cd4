"""What may be seen of a secret step: that it is there, and, from plan to plan, whether its command is another one."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import replace

from orchestrator.core.command import program
from orchestrator.core.late import values_for
from orchestrator.errors import Bug
from orchestrator.model.event import StepResult
from orchestrator.model.plan import Command, HostPlan, Plan, Slot, Template
from orchestrator.ports import (
    Exited,
    NotStarted,
    PidGone,
    PollReply,
    PollUnanswered,
    Started,
    StartReply,
    StartUnknown,
    StillRunning,
)
from orchestrator.template import names

VEIL = "(secret)"
"""What stands in place of what is shown to nobody."""

_SHOWN = 12
"""Hexadecimal digits of a fingerprint that are shown. The others keep a plan's digest, which is a hash over commands,
too, from telling who has guessed a command that he has guessed right."""


def fingerprinted(slots: Sequence[Slot], hosts: Sequence[HostPlan], key: bytes) -> tuple[HostPlan, ...]:
    """The hosts' plans with a fingerprint of each command that is secret, all that is sent with it included."""
    secret = [index for index, slot in enumerate(slots) if slot.secret]
    if secret and not key:
        raise Bug("a plan with secret steps is made without a key for their fingerprints")
    return tuple(
        replace(
            host, fingerprints={index: _fingerprint(slots[index], host, host.commands[index], key) for index in secret}
        )
        if secret
        else host
        for host in hosts
    )


def _fingerprint(slot: Slot, host: HostPlan, command: Command, key: bytes) -> str:
    parts: list[object] = [program(slot.template.body, command.text), command.cwd, command.user, command.env]
    parts.append([[guard.value, text] for guard, text in command.guards])
    if not command.final:  # its text is still the same for all: the values are what makes it another command
        spoken = _spoken([slot])
        parts.append({name: value for name, value in values_for(slot, host, {}).items() if name in spoken})
    return hmac.new(key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()


def veiled(plan: Plan) -> Plan:
    """The plan as people and programs may see it: nothing that a secret command says is in it, nor its file."""
    if not any(slot.secret for slot in plan.slots):
        return plan
    spoken, secret = _spoken(plan.slots), {slot.name for slot in plan.slots if slot.secret}
    return replace(
        plan,
        slots=tuple(replace(slot, template=_unwritten(slot.template)) if slot.secret else slot for slot in plan.slots),
        hosts=tuple(
            replace(
                host,
                commands=_veiled(plan.slots, host),
                values={name: value for name, value in host.values.items() if name not in spoken},
                items={name: item for name, item in host.items.items() if name not in secret},
            )
            for host in plan.hosts
        ),
    )


def _unwritten(template: Template) -> Template:
    """What a command is made of, without what its author wrote; where and as whom it is run is told."""
    body = template.body
    file = replace(body.file, text=VEIL, binary=False) if body.file else None
    return replace(
        template,
        body=replace(body, texts=tuple(replace(text, source=VEIL) for text in body.texts), file=file),
        env=tuple((name, replace(text, source=VEIL)) for name, text in template.env),
        guards=tuple((guard, replace(text, source=VEIL)) for guard, text in template.guards),
    )


def _spoken(slots: Sequence[Slot]) -> frozenset[str]:
    """The variables that secret commands read."""
    templates = [slot.template for slot in slots if slot.secret]
    texts = [text for each in templates for text in (*each.body.texts, each.cwd, each.user) if text]
    texts += [text for each in templates for _, text in (*each.env, *each.guards)]
    found = frozenset[str]().union(*map(names, texts))
    rules = [text for slot in slots if slot.secret for text in (*slot.conditions, slot.until, slot.failed_when) if text]
    return found.union(*(names(text, expression=True) for text in rules))


def _veiled(slots: Sequence[Slot], host: HostPlan) -> tuple[Command, ...]:
    return tuple(
        veil(command, host.fingerprints.get(index, "")) if slots[index].secret else command
        for index, command in enumerate(host.commands)
    )


def veil(command: Command, fingerprint: str = "") -> Command:
    """The command without what it says; where and as whom it is run is told."""
    return replace(
        command,
        text=f"{VEIL[:-1]} {fingerprint[:_SHOWN]})" if fingerprint else VEIL,
        env=tuple((name, VEIL) for name, _ in command.env),
        guards=tuple((guard, VEIL) for guard, _ in command.guards),
    )


def unsaid(result: StepResult | None) -> StepResult | None:
    """A result without what was printed, and how much that was."""
    return result and StepResult(exit_code=result.exit_code, stdout=VEIL, stdout_size=len(VEIL))


def unquoted_start(reply: StartReply) -> StartReply:
    """A provider's answer without its own words, which may quote the command."""
    match reply:
        case NotStarted():
            return replace(reply, message=f"{reply.refusal.value.replace('_', ' ')} {VEIL}")
        case StartUnknown():
            return replace(reply, message=VEIL)
        case Started():
            return reply


def unquoted_poll(reply: PollReply) -> PollReply:
    """The same of an answer to a poll; the words of a command that has exited are left to be read."""
    match reply:
        case PollUnanswered():
            return replace(reply, message=f"{reply.refusal.value.replace('_', ' ')} {VEIL}")
        case PidGone():
            return replace(reply, message=VEIL)
        case StillRunning() | Exited():
            return reply
