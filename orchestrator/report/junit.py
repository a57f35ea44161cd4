"""A run as JUnit XML: a test suite for each wave, a test case for each step on each host.

The form is that of https://github.com/testmoapp/junitxml.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from itertools import groupby

from orchestrator.ports import Output
from orchestrator.report.cases import Case, Verdict, cases
from orchestrator.report.view import RunView, Which
from orchestrator.report.visible import output_lines, visible
from orchestrator.report.words import iso

MAX_OUTPUT = 8_000
"""Characters of one stream, from its end: a report of a fleet must stay readable."""

_NO_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""What no XML 1.0 document may hold, not even as an entity (https://www.w3.org/TR/xml/#charsets)."""


def junit_xml(view: RunView, outputs: Mapping[Which, Output]) -> str:
    """The document, whatever the run's outputs hold. outputs: of the latest attempt of each slot."""
    found = sorted(cases(view, outputs), key=lambda case: case.wave)
    root = ET.Element("testsuites", _counts(found) | {"name": xml_text(visible(view.state.plan.playbook))})
    for wave, group in groupby(found, key=lambda case: case.wave):
        of_wave = list(group)
        name = f"wave {wave + 1} {view.state.plan.waves[wave].name}".rstrip()
        suite = ET.SubElement(root, "testsuite", {"name": xml_text(visible(name))} | _counts(of_wave))
        suite.set("timestamp", iso(view.created_at).removesuffix("Z"))
        for case in of_wave:
            _add(suite, case)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counts(found: Sequence[Case]) -> dict[str, str]:
    def number(verdict: Verdict) -> str:
        return str(sum(case.verdict is verdict for case in found))

    return {
        "tests": str(len(found)),
        "failures": number(Verdict.FAILED),
        "errors": number(Verdict.ERROR),
        "skipped": number(Verdict.SKIPPED),
        "time": f"{sum(case.seconds for case in found):.3f}",
    }


def _add(suite: ET.Element, case: Case) -> None:
    names = {"classname": xml_text(visible(case.host)), "name": xml_text(visible(case.step))}
    element = ET.SubElement(suite, "testcase", names | {"time": f"{case.seconds:.3f}"})
    said = xml_text(visible(case.said))
    match case.verdict:
        case Verdict.FAILED:
            ET.SubElement(element, "failure", {"message": said, "type": case.kind}).text = said
        case Verdict.ERROR:
            ET.SubElement(element, "error", {"message": said, "type": case.kind or "running"}).text = said
        case Verdict.SKIPPED:
            ET.SubElement(element, "skipped", {"message": said})
        case Verdict.PASSED:
            pass
    if case.output:
        for tag, text in (("system-out", case.output.stdout), ("system-err", case.output.stderr)):
            if text:
                ET.SubElement(element, tag).text = _capped(text)


def _capped(text: str) -> str:
    shown = xml_text("\n".join(output_lines(text[-MAX_OUTPUT:])))
    left_out = len(text) - MAX_OUTPUT
    return f"[... {left_out:,} characters before this are left out ...]\n{shown}" if left_out > 0 else shown


def xml_text(text: str) -> str:
    """The text with U+FFFD for every character that no XML document may hold."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
