"""What could not be rendered or decided while planning: done in the run, from the plan alone and registered results."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from orchestrator.core.command import put_together
from orchestrator.model.ids import Value
from orchestrator.model.origin import Problem, Text
from orchestrator.model.plan import Command, HostPlan, Section, Slot
from orchestrator.model.state import Registered
from orchestrator.template import TemplateError, blank_entry, evaluate, place, render_shell, render_word

_Render = Callable[[Text, Mapping[str, Value]], str]

_PRINTED = ("stdout", "stderr")
"""What a registered result has of a command's output."""


def values_for(
    slot: Slot, host_plan: HostPlan, registered: Mapping[str, Registered], result: Registered | None = None
) -> dict[str, Value]:
    """What a text of a slot may use on this host in the run; result: of the attempt that is being judged."""
    results = {**registered, "result": result} if result else registered
    values = {**host_plan.values, **{name: _entries(each) for name, each in results.items()}}
    if slot.repeat is not None:
        values["index"] = slot.repeat.index
        if slot.name in host_plan.items:
            values["item"] = host_plan.items[slot.name]
    return values


def _entries(result: Registered) -> dict[str, Value]:
    return {
        "stdout": result.stdout,
        "stderr": result.stderr,
        "exit_code": result.exit_code,
        "ok": result.ok,
        "changed": result.changed,
    }


def late_command(slot: Slot, host_plan: HostPlan, registered: Mapping[str, Registered]) -> Command:
    """The command of a slot whose command in the plan is not final.

    Raises TemplateError: a result that it waits for is not there, or cannot stand where it is wanted; or, of an undo,
    is empty: `git checkout ""` goes back to nothing.
    """
    values = values_for(slot, host_plan, registered)

    def checked(render: _Render) -> Callable[[Text], str]:
        def render_checked(text: Text) -> str:
            if slot.section is Section.UNDO:
                _refuse_nowhere(text, values)
            return render(text, values)

        return render_checked

    with _explained():
        return put_together(slot.template, checked(render_shell), checked(render_word))


def _refuse_nowhere(text: Text, values: Mapping[str, Value]) -> None:
    """Raises TemplateError where an undo is to go back to what a step has printed, and that had printed nothing."""
    if entry := blank_entry(text, values, _PRINTED):
        name = entry.partition(".")[0]
        problem = f"nothing to go back to: `{entry}` is empty on this host"
        fix = f"look at what the step that registers `{name}` printed, or guard the rollback with when"
        raise TemplateError(Problem(origin=place(text, name), problem=problem, fix=fix))


def decide_when(slot: Slot, host_plan: HostPlan, registered: Mapping[str, Registered]) -> bool:
    """Whether a slot whose conditions were not decided while planning is to be run. Raises TemplateError."""
    values = values_for(slot, host_plan, registered)
    with _explained():
        return all(evaluate(condition, values) for condition in slot.conditions)


@contextmanager
def _explained() -> Iterator[None]:
    """All else is checked while planning: what is undefined in the run is a result that was not registered."""
    try:
        yield
    except TemplateError as error:
        if not (name := error.undefined):
            raise
        problem = f"`{name}` holds no result: the step that registers it was not run on this host"
        fix = f"ask `{name} is defined`"
        raise TemplateError(replace(error.problem, problem=problem, fix=fix), undefined=name) from None
