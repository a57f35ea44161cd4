"""What is rendered and decided in the run: from the plan alone, and what the steps registered."""

import pytest

from orchestrator.core.late import decide_when, late_command, values_for
from orchestrator.model.host import Host
from orchestrator.model.ids import HostName, StepName, Vmid
from orchestrator.model.origin import Origin, Text
from orchestrator.model.plan import Command, HostPlan, Section, Slot, Template
from orchestrator.model.playbook import Body, Retries
from orchestrator.model.state import Registered
from orchestrator.template import TemplateError

BEFORE = Registered(stdout="a'b {{ 7*7 }}", stderr="", exit_code=0, ok=True, changed=True)
HOST = HostPlan(
    host=Host(name=HostName("web1"), vmid=Vmid("1")), wave=0, commands=(), whens=(), values={"release": "v2", "n": 3}
)


def text(source: str) -> Text:
    return Text(source=source, origin=Origin(file="deploy.yml", line=4, column=10))


def slot(source: str, *, when: str | None = None, kind: str = "run") -> Slot:
    return Slot(
        name=StepName("a"),
        section=Section.STEPS,
        template=Template(
            body=Body(kind=kind, texts=(text(source),)),
            cwd=text("/srv/{{ release }}"),
            env=(("B", text("x{{ before.stdout | default('-') }}")),),
        ),
        timeout=1.0,
        retries=Retries(),
        when=text(when) if when else None,
    )


def test_a_late_command_is_rendered_from_the_plan_and_the_results() -> None:
    rendered = late_command(slot("git checkout {{ before.stdout }} {{ release }}"), HOST, {"before": BEFORE})

    assert rendered == Command(
        text="git checkout 'a'\"'\"'b {{ 7*7 }}' v2", cwd="/srv/v2", env=(("B", "xa'b {{ 7*7 }}"),)
    )
    assert late_command(slot("{{ before.stdout }}", kind="argv"), HOST, {"before": BEFORE}).text == (
        "'a'\"'\"'b {{ 7*7 }}'"
    )


def test_a_result_that_is_not_there_is_explained() -> None:
    with pytest.raises(TemplateError) as caught:
        late_command(slot("git checkout {{ before.stdout }}"), HOST, {})

    assert str(caught.value) == (
        "deploy.yml:4:26: `before` holds no result: the step that registers it was not run on this host; "
        "ask `before is defined`"
    )


def test_a_missing_result_may_have_a_substitute() -> None:
    source = "git checkout {% if before is defined %}{{ before.stdout }}{% else %}main{% endif %}"

    rendered = late_command(slot(source), HOST, {})

    assert (rendered.text, rendered.env) == ("git checkout main", (("B", "x-"),))


@pytest.mark.parametrize(
    ("when", "decision"), [("before.ok and n == 3", True), ("before.stdout == ''", False), ("before is defined", True)]
)
def test_a_condition_is_decided_on_results(when: str, decision: bool) -> None:
    assert decide_when(slot("x", when=when), HOST, {"before": BEFORE}) is decision


def test_a_condition_that_is_no_boolean_or_lacks_its_result_is_an_error() -> None:
    for when, told in (("before.stdout", "gives a string"), ("after.ok", "`after` holds no result")):
        with pytest.raises(TemplateError, match=told):
            decide_when(slot("x", when=when), HOST, {"before": BEFORE})


def test_a_slot_without_a_condition_is_run() -> None:
    assert decide_when(slot("x"), HOST, {})


def test_values_are_those_of_the_plan_the_results_and_the_attempts_own() -> None:
    own = Registered(stdout="now", stderr="e", exit_code=None, ok=False, changed=True)
    values = values_for(slot("x"), HOST, {"before": BEFORE, "result": BEFORE}, own)

    assert values["release"] == "v2"
    assert values["before"] == {
        "stdout": "a'b {{ 7*7 }}",
        "stderr": "",
        "exit_code": 0,
        "ok": True,
        "changed": True,
    }
    assert values["result"] == {"stdout": "now", "stderr": "e", "exit_code": None, "ok": False, "changed": True}
    assert "result" not in values_for(slot("x"), HOST, {})
