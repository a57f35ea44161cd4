"""What a guest asks for before it can run a command, and how an attempt is ended."""

import shlex

import pytest

from orchestrator.core.attempt import Attempt, Pace, Poll, Send, What, begin, decide, observe_poll, observe_start, stop
from orchestrator.core.ending import End
from orchestrator.core.program import Programs, prepare
from orchestrator.model.host import Host
from orchestrator.model.ids import HostName, StepName, Vmid
from orchestrator.model.origin import Origin, Text
from orchestrator.model.plan import Command, HostPlan, Section, Slot, Template
from orchestrator.model.playbook import Body, Outcome, Retries
from orchestrator.model.state import Registered
from orchestrator.ports import Exited, NotStarted, Refusal, Started, StartUnknown

NONCE = "f00dfeedf00dfeed"
PACE = Pace()


def says(attempt: Attempt, word: str, now: float = 1.0) -> Attempt:
    """The attempt after one program was started and has printed this."""
    started = observe_start(attempt, Started(pid=7), now, PACE)
    return observe_poll(started, Exited(exit_code=0, stdout=f"\n{NONCE} {word}\n", stderr=""), now, PACE)


def test_a_guest_without_the_library_is_sent_it_and_then_the_program_again() -> None:
    attempt = says(begin(NONCE, 60, 0, PACE), "1 no-library")
    assert decide(attempt, 1, PACE) == Send(what=What.LIBRARY)
    attempt = says(attempt, "1 kept")
    assert decide(attempt, 1, PACE) == Send(what=What.PROGRAM)


def test_the_parts_of_a_long_command_are_sent_in_order_before_it() -> None:
    attempt = begin(NONCE, 60, 0, PACE, parts=2)
    for part in range(2):
        assert decide(attempt, 1, PACE) == Send(what=What.PART, part=part)
        attempt = says(attempt, "1 kept")
    assert decide(attempt, 1, PACE) == Send(what=What.PROGRAM)
    attempt = says(attempt, "1 no-parts")
    assert decide(attempt, 1, PACE) == Send(what=What.PART, part=0)


def test_a_lost_answer_to_a_part_does_not_mean_that_the_command_may_have_run() -> None:
    attempt = observe_start(begin(NONCE, 60, 0, PACE, parts=1), StartUnknown(message="lost"), 1, PACE)
    attempt = observe_start(attempt, NotStarted(refusal=Refusal.HOST_DOWN, message="VM is off"), 2, PACE)
    end = decide(attempt, 100, PACE)
    assert isinstance(end, End)
    assert (end.outcome, end.detail, end.may_be_running) == (Outcome.UNREACHABLE, "VM is off", False)


def test_a_guest_that_keeps_nothing_is_given_up() -> None:
    attempt, now = begin(NONCE, 60, 0, PACE), 0.0
    sends = 0
    while not isinstance(decision := decide(attempt, now, PACE), End):
        if isinstance(decision, Send):
            sends += 1
            attempt = says(attempt, "1 kept" if decision.what is What.LIBRARY else "1 no-library", now)
        now += 0.5
    assert decision.outcome is Outcome.UNKNOWN
    assert sends < 40


def test_a_stopped_attempt_is_ended_in_the_guest_and_asked_about() -> None:
    attempt = observe_start(begin(NONCE, 600, 0, PACE), Started(pid=7), 1, PACE)
    attempt = stop(attempt, 2, PACE)
    assert decide(attempt, 2, PACE) == Send(what=What.STOP)
    attempt = observe_start(attempt, Started(pid=8), 2, PACE)
    assert decide(attempt, 3, PACE) == Poll(pid=8)
    attempt = says(attempt, "1 stopped 143 0 0 1 2 b 9")
    end = decide(attempt, 3, PACE)
    assert isinstance(end, End)
    assert (end.outcome, end.may_be_running) == (Outcome.FAILED, False)


def test_an_attempt_of_which_nothing_was_sent_is_stopped_at_once() -> None:
    end = decide(stop(begin(NONCE, 600, 0, PACE), 1, PACE), 1, PACE)
    assert isinstance(end, End)
    assert not end.may_be_running


def test_what_could_not_be_killed_is_told_with_its_pid_and_since_when() -> None:
    end = decide(says(begin(NONCE, 60, 0, PACE), "0 stuck - 0 0 1700000000 - b 42"), 1, PACE)
    assert isinstance(end, End)
    assert (end.outcome, end.may_be_running) == (Outcome.TIMED_OUT, True)
    assert end.detail == "could not be killed: still running as pid 42 since 2023-11-14T22:13:20+00:00"


def test_a_service_left_running_is_ok() -> None:
    end = decide(says(begin(NONCE, 60, 0, PACE), "0 left - 0 0 1 - b 42"), 1, PACE)
    assert isinstance(end, End)
    assert (end.outcome, end.detail) == (Outcome.OK, "left running as pid 42")


def test_a_fenced_controller_says_nothing_of_the_attempt() -> None:
    end = decide(says(begin(NONCE, 60, 0, PACE), "1 fenced"), 1, PACE)
    assert isinstance(end, End)
    assert end.fenced


def text(source: str) -> Text:
    return Text(source=source, origin=Origin(file="p.yml", line=3, column=5))


def slot(*, user: str | None = None, background: bool = False, plain: bool = False) -> Slot:
    template = Template(body=Body(kind="run", texts=(text("serve"),)), user=text(user) if user is not None else None)
    return Slot(
        name=StepName("one"),
        section=Section.STEPS,
        template=template,
        timeout=60,
        retries=Retries(),
        background=background,
        plain=plain,
    )


def prepared(
    slot: Slot, command: Command, stdout: str = "", *, hostname: str | None = None, limit: int = 4096
) -> Programs:
    host = Host(name=HostName("web1"), vmid=Vmid("1"), hostname=hostname)
    plan = HostPlan(host=host, wave=0, commands=(command,), whens=(True,))
    owner = Registered(stdout=stdout, stderr="", exit_code=0, ok=True, changed=True)
    return prepare(slot, plan, {"owner": owner}, run="r1", index=0, attempt=1, nonce=NONCE, fence=1, limit=limit)


def run_words(programs: Programs) -> list[str]:
    """What the guest is told of the attempt: its key, nonce, fence, time-out, grace, user, and whether to leave it."""
    (line,) = (line for line in programs.whole.splitlines() if line.startswith("o_run "))
    return shlex.split(line.partition("<<")[0])[1:]


def test_the_guest_is_told_the_user_and_that_a_service_is_left_running() -> None:
    assert run_words(prepared(slot(), Command(text="serve")))[3:] == ["60", "10", "", ""]
    programs = prepared(slot(user="deploy", background=True), Command(text="serve", user="deploy"))
    assert run_words(programs)[3:] == ["999999999", "10", "deploy", "leave"]


def test_a_user_that_is_known_only_in_the_run_is_checked_then() -> None:
    late = Command(text="serve", user="{{ owner.stdout }}", waits_for=("owner",))
    assert run_words(prepared(slot(user="{{ owner.stdout }}"), late, "www-data"))[5] == "www-data"
    for name in ("", "-root", "a;id", "a\nroot"):
        with pytest.raises(ValueError, match="which is no user's name"):
            prepared(slot(user="{{ owner.stdout }}"), late, name)


def test_a_plain_command_is_all_that_is_sent() -> None:
    programs = prepared(slot(plain=True), Command(text="serve 'a b'"), limit=11)
    assert programs.text(Send()) == "serve 'a b'"
    assert programs.parts == ()


def test_a_plain_command_that_is_too_long_is_not_cut() -> None:
    with pytest.raises(ValueError, match="a plain command may have 10 characters, and this one has 11"):
        prepared(slot(plain=True), Command(text="serve 'a b'"), limit=10)


def test_a_declared_hostname_is_asked_for_by_a_plain_command_too() -> None:
    assert "web1.example" in prepared(slot(plain=True), Command(text="serve"), hostname="web1.example").whole


def test_an_attempt_that_its_machine_went_down_under_is_interrupted() -> None:
    end = decide(says(begin(NONCE, 60, 0, PACE), "1 lost - 0 0 1 - b 42"), 1, PACE)
    assert isinstance(end, End)
    assert (end.outcome, end.interrupted, end.may_be_running) == (Outcome.FAILED, True, False)


def test_a_guest_that_says_kept_to_what_was_not_sent_to_be_kept_is_asked_later_and_then_given_up() -> None:
    attempt, now, asked_at = begin(NONCE, 60, 0, PACE), 0.0, [-1.0]
    while not isinstance(decision := decide(attempt, now, PACE), End):
        if isinstance(decision, Send):
            assert now > asked_at[-1], "asked without a pause"
            asked_at.append(now)
            attempt = says(attempt, "1 kept", now)
        now += 0.1
    assert decision.outcome is Outcome.UNKNOWN
    assert len(asked_at) < 20


def test_each_part_that_is_kept_gives_the_attempt_its_time_anew() -> None:
    attempt, now = begin(NONCE, 10, 0, PACE, parts=20), 0.0
    attempt = says(attempt, "1 no-parts", now)
    for _ in range(20):
        now += 30
        attempt = says(attempt, "1 kept", now - 25)
    assert attempt.kept == 20
    assert decide(attempt, now, PACE) == Send()
