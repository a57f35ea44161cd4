"""What a command's result means for its step."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.core.evolve import register
from orchestrator.core.late import values_for
from orchestrator.model.event import StepResult
from orchestrator.model.ids import Value
from orchestrator.model.plan import HostPlan, Slot
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import Registered
from orchestrator.steps import KINDS
from orchestrator.template import TemplateError, evaluate


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a command's result means. detail: why it is not ok. changed: whether it may have changed something."""

    outcome: Outcome
    detail: str = ""
    changed: bool = True


def judge(
    slot: Slot, host_plan: HostPlan, registered: Mapping[str, Registered], result: StepResult, *, again: bool = False
) -> Verdict:
    """The verdict on a command that exited by itself. again: an earlier attempt of the slot has run, too.

    `failed_when`, where there is one, decides instead of the exit status; `until` must hold besides. An expression that
    cannot be evaluated, or is no boolean, is a failure that says so. A service should not have exited at all.
    """
    if slot.background:
        return Verdict(outcome=Outcome.FAILED, detail=f"the service did not stay: {_exit(result)}")
    accepted = result.exit_code in slot.ok_exit
    if slot.failed_when is slot.until is slot.changed_when is None:
        if accepted:
            return Verdict(outcome=Outcome.OK, changed=_may_have_changed(slot, result, again=again))
        return Verdict(outcome=Outcome.FAILED, detail=_exit(result))
    values = values_for(slot, host_plan, registered, result=register(result, ok=accepted, changed=True))
    try:
        problem = _problem(slot, values, result)
        changed = (
            evaluate(slot.changed_when, values) if slot.changed_when else _may_have_changed(slot, result, again=again)
        )
    except TemplateError as error:
        return Verdict(outcome=Outcome.FAILED, detail=str(error))
    return Verdict(outcome=Outcome.FAILED if problem else Outcome.OK, detail=problem, changed=changed)


def _may_have_changed(slot: Slot, result: StepResult, *, again: bool) -> bool:
    """What the step's kind says; an earlier attempt that was cut short may have done what this one found done."""
    unchanged = KINDS[slot.template.body.kind].unchanged
    return not unchanged or again or result.stdout.strip() != unchanged


def _problem(slot: Slot, values: Mapping[str, Value], result: StepResult) -> str:
    """Why the result is no success; empty where it is one. Raises TemplateError."""
    if slot.failed_when is None:
        if result.exit_code not in slot.ok_exit:
            return _exit(result)
    elif evaluate(slot.failed_when, values):
        return f"failed_when is true: {slot.failed_when.source}"
    if slot.until is not None and not evaluate(slot.until, values):
        return f"until is not yet true: {slot.until.source}"
    return ""


def _exit(result: StepResult) -> str:
    return "killed by a signal" if result.exit_code is None else f"exit status {result.exit_code}"
