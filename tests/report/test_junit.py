"""A run as JUnit XML: valid whatever it holds, and every step of every host is in it once."""

import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.model.playbook import Outcome
from orchestrator.report.junit import MAX_OUTPUT, junit_xml, xml_text
from tests.builders import DEPLOY, make_plan
from tests.scripted_runs import Ends, Script, by_table, failing, play, view_of


def document(script: Script) -> ET.Element:
    plan = make_plan(4, DEPLOY, (1, 3), wave_names=["canary"], max_failures=9, max_unreachable=9)
    played = play(plan, script)
    outputs = {(each.host, each.step, each.undo): each for each in played.outputs()}
    return ET.fromstring(junit_xml(view_of(played), outputs))


MIXED = by_table(
    {
        ("web-001", "healthy"): failing(22, "curl: (22)\x1b[31m <boom> & ]]> \x00\x08"),
        ("web-002", "migrate"): Ends(outcome=Outcome.UNKNOWN, exit_code=None, detail="no answer", may_be_running=True),
        ("web-003", "remember"): Ends(outcome=Outcome.UNREACHABLE, exit_code=None, detail="the VPS is off"),
    }
)


def test_there_is_a_suite_for_each_wave_and_a_case_for_each_step_and_host() -> None:
    root = document(MIXED)
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["wave 1 canary", "wave 2"]
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(names) == len(set(names))
    forward = {(f"web-00{n}", rule.name) for n in (1, 2, 3, 4) for rule in DEPLOY}
    assert set(names) - forward == {
        ("web-001", "undo of restart"), ("web-001", "undo of pull"), ("web-002", "undo of pull")
    }  # fmt: skip
    assert forward <= set(names)


def test_the_counts_of_a_suite_are_those_of_its_cases() -> None:
    root = document(MIXED)
    for suite in root.findall("testsuite"):
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        for counted, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(counted) == str(len(suite.findall(f"testcase/{tag}")))
    assert [root.get(key) for key in ("failures", "errors")] == ["1", "2"]


def test_what_failed_says_how_and_what_was_printed() -> None:
    (failed,) = [case for case in document(MIXED).iter("testcase") if case.find("failure") is not None]
    failure, printed = failed.find("failure"), failed.find("system-err")
    assert failure is not None
    assert printed is not None
    assert (failed.get("classname"), failed.get("name")) == ("web-001", "healthy")
    assert (failure.get("type"), failure.get("message")) == ("failed", "exit status 22")
    assert printed.text == "curl: (22) <boom> & ]]> \\x00\\x08"


def test_a_long_output_is_cut_and_says_so() -> None:
    root = document(by_table({("web-001", "pull"): Ends(stdout="x" * (MAX_OUTPUT + 7))}))
    text = next(root.iter("system-out")).text or ""
    assert text == "[... 7 characters before this are left out ...]\n" + "x" * MAX_OUTPUT


@settings(derandomize=True, max_examples=200)
@given(st.text(st.characters(), max_size=40))
def test_it_can_be_parsed_whatever_a_guest_prints(text: str) -> None:
    root = document(by_table({("web-001", "migrate"): failing(1, text, stdout=text, detail=text)}))
    assert len(list(root.iter("failure"))) == 1
    assert ET.fromstring(f"<a>{xml_text(text).replace('&', '').replace('<', '')}</a>") is not None
