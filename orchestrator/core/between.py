"""What stands between two waves: the gates of the newest one, and what their answers mean for the run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator import gates
from orchestrator.errors import IllegalTransition
from orchestrator.gates import approval
from orchestrator.gates.kind import AskPerson, LookHere, LookOnHosts, Settled, WaitUntil
from orchestrator.model.event import Answer, GateAnswered, GateAsked
from orchestrator.model.gate import Approval, Gate, OnDeny, WaveCommand
from orchestrator.model.request import Act, Request

PROGRESS = "progress_deadline"
"""The gate, and its kind, that the run asks itself: whether hosts still become ok."""


GATE_ANSWERS: Mapping[Act, Answer] = {Act.APPROVE: Answer.PASSED, Act.DENY: Answer.FAILED}
"""What people ask for about a gate, and the answer that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A gate that was asked after a wave (index from 0) and has no answer yet. number: of the wave's gates, from 0.

    asked_at, expires_at: seconds since the epoch. inconclusive: why a person has to answer what could not be found out.
    """

    wave: int
    number: int
    gate: Gate
    asked_at: float
    expires_at: float | None = None
    inconclusive: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A gate has ended the run's way forward. held: a person's answer was no, or did not come.

    undo: the hosts in the rollback's scope are taken back, as once a budget is over.
    """

    cause: str
    held: bool = False
    undo: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """How far the newest wave's gates are. passed: how many of them have; what they come to is the run's to heed."""

    passed: int = 0
    question: Question | None = None
    stop: Stop | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskGate:
    """Ask a gate of a wave; number: which of its gates, from 0."""

    wave: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerGate:
    """Record an answer that nobody needs to be asked for; gate: what it is called, and its kind."""

    wave: int
    gate: str
    kind: str
    answer: Answer
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Find out, on the machine that drives the run, what a gate's answer is."""

    gate: Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Start nothing: the run is paused; or only a person's answer takes it further, and `waits_for` says what for."""

    waits_for: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookThere:
    """Run the command of a wave's gate on those of its hosts on which it was not run."""

    wave: int


GateDecision = AskGate | AnswerGate | Look | WaitUntil | Hold
Looked = Callable[[WaveCommand], Settled | None]
"""What the hosts of the wave have answered to a gate; None while not all of them have."""


def evolve(between: Between, waves: Sequence[Sequence[Gate]], event: GateAsked | GateAnswered, at: float) -> Between:
    """What stands between the waves after an event about a wave's gate; waves: the gates of those that are open.

    Raises IllegalTransition for a question beside another, and for an answer to none.
    """
    newest = len(waves) - 1
    if between.stop or event.wave != newest:
        raise IllegalTransition(f"{event.type}: {event.gate} after wave {event.wave}, the newest is {newest}")
    if isinstance(event, GateAsked):
        if between.question or between.passed >= len(waves[newest]):
            raise IllegalTransition(f"{event.gate} was asked after wave {newest} out of its turn")
        gate = waves[newest][between.passed]
        # From the time in the journal, like all that is reckoned from it.
        until = gates.expires_at(gate, at)
        question = Question(wave=newest, number=between.passed, gate=gate, asked_at=at, expires_at=until)
        return replace(between, question=question)
    if event.kind == PROGRESS:
        return replace(between, question=None, stop=Stop(cause=event.why))
    return _answered(between, event)


def _answered(between: Between, event: GateAnswered) -> Between:
    question = between.question
    if question is None or question.gate.name != event.gate:
        raise IllegalTransition(f"an answer to {event.gate} after wave {event.wave}, which was not asked")
    match event.answer:
        case Answer.PASSED:
            return replace(between, passed=between.passed + 1, question=None)
        case Answer.INCONCLUSIVE:
            return replace(between, question=replace(question, inconclusive=event.why))
        case Answer.FAILED:
            return replace(between, question=None, stop=_stop(question, event))
        case Answer.RETRY | Answer.SKIP:
            raise IllegalTransition(f"{event.gate} was answered by {event.answer.value}, as only a step can be")


def _stop(question: Question, event: GateAnswered) -> Stop:
    gate, after = question.gate, f"after wave {question.wave + 1}"
    by_person = event.by != "orc"
    said = f"{event.by} denied {gate.name} {after}" if by_person else f"{gate.name} {after} did not pass"
    cause = f"{said}: {event.why}" if event.why else said
    if isinstance(gate, Approval):
        return Stop(cause=cause, held=True, undo=gate.on_deny is OnDeny.ROLLBACK)
    return Stop(cause=cause)


def decide(
    between: Between, wave: int, asked: Sequence[Gate], now: float, looked: Looked
) -> GateDecision | LookThere | None:
    """What to do next about the gates of a wave whose hosts are all settled; None once all have passed."""
    question = between.question
    if question is None:
        return AskGate(wave=wave, number=between.passed) if between.passed < len(asked) else None
    if question.inconclusive is not None:
        said = f": {question.inconclusive}" if question.inconclusive else ""
        return Hold(waits_for=f"a person has to say whether {_named(question)} has passed{said}")
    match gates.due(question.gate, question.asked_at, now):
        case Settled() as found:
            return _answer(question, found)
        case WaitUntil() as wait:
            return wait
        case LookHere():
            return Look(gate=question.gate)
        case LookOnHosts():
            there = looked(question.gate) if isinstance(question.gate, WaveCommand) else None
            return _answer(question, there) if there else LookThere(wave=wave)
        case AskPerson(who=who):
            return Hold(waits_for=f"{_named(question)} waits for {who}")


def _answer(question: Question, found: Settled) -> AnswerGate:
    gate = question.gate
    return AnswerGate(wave=question.wave, gate=gate.name, kind=gate.kind, answer=found.answer, why=found.why)


def _named(question: Question) -> str:
    return f"{question.gate.name} after wave {question.wave + 1}"


def objection(between: Between, gate: str | None, *, by: str, at: float, started_by: str) -> str:
    """Why a person's answer to a gate, given at `at`, does not count; empty where it does.

    gate: what it is called; None: the one that waits.
    """
    question = between.question
    if question is None or (question.inconclusive is None and not isinstance(question.gate, Approval)):
        return "no gate waits for a person"
    if gate not in (None, question.gate.name):
        return f"the gate {gate} does not wait for a person; {question.gate.name} does"
    if at < question.asked_at:
        return f"it was given before {question.gate.name} was asked"
    if question.expires_at is not None and at >= question.expires_at:
        return f"{question.gate.name} has expired"
    if isinstance(question.gate, Approval):
        return approval.objection(question.gate, by=by, started_by=started_by)
    return ""


def given(between: Between, requests: Iterable[Request], *, started_by: str) -> Request | None:
    """The answer that the open question has and that no process has acted on yet: the first that counts; None: none."""
    answers = (each for each in requests if each.act in GATE_ANSWERS)
    counting = (
        each for each in answers if not objection(between, each.gate, by=each.by, at=each.at, started_by=started_by)
    )
    return next(counting, None)
