"""What a command's result means for its step."""

from collections.abc import Mapping

from orchestrator.core.evolve import register
from orchestrator.core.late import values_for
from orchestrator.model.event import StepResult
from orchestrator.model.plan import HostPlan, Slot
from orchestrator.model.playbook import Outcome
from orchestrator.model.state import Registered
from orchestrator.template import TemplateError, evaluate


def judge(
    slot: Slot, host_plan: HostPlan, registered: Mapping[str, Registered], result: StepResult
) -> tuple[Outcome, str]:
    """The outcome of a command that exited by itself, and why it is not ok (empty where it is).

    `failed_when`, where there is one, decides instead of the exit status; `until` must hold besides. An expression that
    cannot be evaluated, or is no boolean, is a failure that says so. A service should not have exited at all.
    """
    if slot.background:
        return Outcome.FAILED, f"the service did not stay: {_exit(result)}"
    accepted = result.exit_code in slot.ok_exit
    if slot.failed_when is None and not accepted:
        return Outcome.FAILED, _exit(result)
    if slot.failed_when is None and slot.until is None:
        return Outcome.OK, ""
    return _by_expressions(slot, host_plan, registered, result)


def _by_expressions(
    slot: Slot, host_plan: HostPlan, registered: Mapping[str, Registered], result: StepResult
) -> tuple[Outcome, str]:
    accepted = result.exit_code in slot.ok_exit
    values = values_for(host_plan, registered, result=register(result, ok=accepted))
    try:
        if slot.failed_when is not None and evaluate(slot.failed_when, values):
            return Outcome.FAILED, f"failed_when is true: {slot.failed_when.source}"
        if slot.until is not None and not evaluate(slot.until, values):
            return Outcome.FAILED, f"until is not yet true: {slot.until.source}"
    except TemplateError as error:
        return Outcome.FAILED, str(error)
    return Outcome.OK, ""


def _exit(result: StepResult) -> str:
    return "killed by a signal" if result.exit_code is None else f"exit status {result.exit_code}"
