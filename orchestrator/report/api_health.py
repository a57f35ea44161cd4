"""What is said of an API that is ill."""

from orchestrator.model.event import ApiPaused
from orchestrator.ports import Refusal
from orchestrator.report.view import PAPER, Paper
from orchestrator.report.visible import visible
from orchestrator.report.words import clock_time, count

ANSWERS = {
    Refusal.UNAUTHORISED.value: "refuses the key",
    Refusal.RATE_LIMITED.value: "limits the rate of calls",
    Refusal.API_DOWN.value: "gives no usable answer",
}


def how_ill(ill: ApiPaused, paper: Paper = PAPER) -> str:
    """One line: since when, in what way, in whose words, and when it is asked again."""
    said = f"the API {ANSWERS.get(ill.answer, ill.answer)} since {clock_time(ill.since, paper.zone)}"
    said += f", last about {ill.host}: {ill.detail}"
    if ill.next_try is None:
        return visible(f"{said}; asked {count(ill.probes, 'time')} since, and now a person has to say when to go on")
    return visible(f"{said}; nothing is started meanwhile, the next try is at {clock_time(ill.next_try, paper.zone)}")
