"""The gate that a run is at: what it waits for, who may answer, and until when."""

from typing import TypedDict

from orchestrator import gates
from orchestrator.core.between import Question
from orchestrator.gates.approval import who_may
from orchestrator.model.gate import Approval, Bake
from orchestrator.model.request import Act, Request
from orchestrator.report.view import Paper, RunView
from orchestrator.report.visible import visible
from orchestrator.report.words import date_time, iso

SAID = {Act.APPROVE: "approved", Act.DENY: "denied"}


class AnswerJson(TypedDict):
    """What a person has said, on which no process has acted yet. said: approved or denied."""

    said: str
    by: str
    at: str
    why: str


class GateJson(TypedDict):
    """The gate that was asked and has no answer. wave: from 1. by: who may answer; empty: anybody, or no person.

    for_person: whether a person has to answer it. inconclusive: why, where it could not be found out.
    answer: what a person has said already; the run goes on by it once it is resumed.
    """

    name: str
    kind: str
    wave: int
    asked_at: str
    expires_at: str | None
    for_person: bool
    by: list[str]
    inconclusive: str | None
    answer: AnswerJson | None


def for_person(question: Question) -> bool:
    """Whether only a person's answer takes the run past this gate."""
    return isinstance(question.gate, Approval) or question.inconclusive is not None


def gate_json(view: RunView) -> GateJson | None:
    """The open gate as programs read it."""
    question = view.state.between.question
    if question is None or view.state.finished:
        return None
    return GateJson(
        name=question.gate.name,
        kind=question.gate.kind,
        wave=question.wave + 1,
        asked_at=iso(question.asked_at),
        expires_at=None if question.expires_at is None else iso(question.expires_at),
        for_person=for_person(question),
        by=[*question.gate.by] if isinstance(question.gate, Approval) else [],
        inconclusive=question.inconclusive,
        answer=_answer_json(view.answer) if view.answer else None,
    )


def _answer_json(answer: Request) -> AnswerJson:
    return AnswerJson(said=SAID[answer.act], by=answer.by, at=iso(answer.at), why=answer.why)


def answered(answer: Request, paper: Paper) -> str:
    """What a person has said to a gate, and when: `ana@laptop approved the gate release at ...: looks good`."""
    gate = f"the gate {answer.gate}" if answer.gate else "the gate"
    said = f"{answer.by} {SAID[answer.act]} {gate} at {date_time(answer.at, paper.zone)}"
    return visible(f"{said}: {answer.why}" if answer.why else said)


def waiting_for(view: RunView, paper: Paper) -> str:
    """What the run waits for after a wave, in words; empty where it does not."""
    question = view.state.between.question
    if question is None:
        return ""
    if view.answer:
        then = "its process is about to act on that" if view.driver else "the run waits for orc resume"
        return f"{answered(view.answer, paper)}; {then}"
    gate = question.gate
    said = f"at {gate.name} after wave {question.wave + 1}: "
    if question.inconclusive is not None:
        why = f" ({question.inconclusive})" if question.inconclusive else ""
        said += f"it could not be found out whether it has passed{why}; a person has to say"
    elif isinstance(gate, Approval):
        until = "" if question.expires_at is None else f", until {date_time(question.expires_at, paper.zone)}"
        said += f"for a yes or no of {who_may(gate)}{until}"
    elif isinstance(gate, Bake):
        said += f"until {date_time(question.asked_at + gate.seconds, paper.zone)}"
    else:
        said += gates.told(gate)
    return visible(said)
