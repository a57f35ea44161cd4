"""What is sent for one attempt, from the plan and what the host has registered."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from orchestrator.core.attempt import Send, What
from orchestrator.core.command import check_user, program
from orchestrator.core.late import late_command
from orchestrator.guest import plain
from orchestrator.guest.program import Assignment, slot_key, write, write_library, write_parts, write_stop
from orchestrator.model.plan import HostPlan, Section, Slot
from orchestrator.model.state import Registered


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """All that can be sent for one attempt; parts: only where the command is too long for one request.

    Of a plain one, `whole` is all there is.
    """

    assignment: Assignment
    whole: str
    parts: tuple[str, ...]

    def text(self, send: Send) -> str:
        """The program that a decision asks for."""
        match send.what:
            case What.PROGRAM:
                return self.whole
            case What.LIBRARY:
                return write_library(self.assignment.nonce)
            case What.PART:
                return self.parts[send.part]
            case What.STOP:
                return write_stop(self.assignment)


def prepare(
    slot: Slot,
    host_plan: HostPlan,
    registered: Mapping[str, Registered],
    *,
    run: str,
    index: int,
    attempt: int,
    nonce: str,
    fence: int,
    limit: int,
) -> Programs:
    """The programs of one attempt of the slot with this index.

    fence: how often the run has been taken up. limit: the provider's, in characters of a request.
    Raises ValueError where there is nothing that could be sent: a late command that cannot be rendered, or whose user
    is none (TemplateError), one that holds a NUL, a plain one that is too long.
    """
    command = host_plan.commands[index]
    if not command.final:
        command = late_command(slot, host_plan, registered)
    if slot.template.user:
        check_user(slot.template.user, command.user)
    command = replace(command, text=program(slot.template.body, command.text))
    undo = slot.section is Section.UNDO
    assignment = Assignment(
        run=run,
        slot=slot_key(index, slot.name, undo=undo),
        attempt=attempt,
        nonce=nonce,
        command=command,
        timeout=slot.timeout,
        fence=fence,
        hostname=host_plan.host.hostname,
        user=command.user,
        background=slot.background,
    )
    if slot.plain:
        return Programs(assignment=assignment, whole=_plain(assignment, limit), parts=())
    parts = write_parts(assignment, limit=limit)
    return Programs(assignment=assignment, whole=write(assignment, limit=limit), parts=parts)


def _plain(assignment: Assignment, limit: int) -> str:
    """The plain command, which cannot be sent in parts. Raises ValueError."""
    text = plain.write(assignment.command, hostname=assignment.hostname)
    if limit and len(text) > limit:
        raise ValueError(f"a plain command may have {limit} characters, and this one has {len(text)}")
    return text
