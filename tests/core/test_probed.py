"""What the guests' answers mean for every line of a plan."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.core.probed import Found, HostFacts, Probe, Will, look_of, room_for, verdict_on, warnings_on
from orchestrator.guest.library import OUTPUT_CAP
from orchestrator.guest.probe import Answers, Folder
from orchestrator.model.ids import HostName
from orchestrator.model.plan import HostPlan, Plan
from orchestrator.model.playbook import Guard
from tests.small_run import plan_of

PLAYBOOK = """
vmids: [1, 2]
defaults: {cwd: /srv/app, user: deploy}
handlers:
  - {name: restart, run: restart}
steps:
  - {name: user, run: useradd deploy, unless: id deploy, user: root, cwd: /, handlers: [restart]}
  - {name: clone, run: git clone, creates: .git, only_if: 'true', rollback: rm, register: r}
  - {name: never, run: x, when: 'false', user: nobody}
  - {name: when, run: x, when: r.ok}
  - {name: late, run: 'echo {{ r.stdout }}', creates: '{{ r.stdout }}', cwd: '/{{ r.stdout }}'}
  - {name: whose, run: x, user: '{{ r.stdout }}', cwd: '~'}
  - {name: once, run: x, run_once: run, user: migrator}
  - {name: bare, run: x, exec: plain}
after_rollback: [{name: again, run: x}]
finally: [{name: unlock, run: x}]
"""
WELL = Answers(setsid=True, writable=True, free=2**40, systemd=True)
DEPLOY = Folder(user="deploy", cwd="/srv/app")
USER, CLONE = 0, 1


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path, PLAYBOOK)


def facts(answers: Answers | None = WELL, found: Found = Found.READY, unasked: str = "") -> HostFacts:
    return HostFacts(host=HostName("1"), at=0.0, found=found, answers=answers, unasked=unasked)


def verdicts(plan: Plan, answers: Answers = WELL) -> Mapping[str, tuple[Will, str]]:
    found: dict[str, tuple[Will, str]] = {}
    for index, slot in enumerate(plan.slots):
        verdict = verdict_on(plan, plan.hosts[0], index, facts(answers))
        found.setdefault(slot.name, (verdict.will, verdict.why))
    return found


def test_what_is_not_known_before_the_run_is_not_asked(plan: Plan) -> None:
    look = look_of(plan, plan.hosts[0])

    assert look.users == ("root", "deploy", "migrator")
    assert look.folders == (Folder(user="root", cwd="/"), DEPLOY, Folder(user="migrator", cwd="/srv/app"))
    assert [*look.guarded] == [USER, CLONE]
    assert "migrator" not in look_of(plan, plan.hosts[1]).users


def test_every_line_is_run_or_skipped_or_decided_at_run_time(plan: Plan) -> None:
    guards = {(USER, Guard.UNLESS): 0, (CLONE, Guard.CREATES): 1, (CLONE, Guard.ONLY_IF): 0}
    told = verdicts(plan, replace(WELL, guards=guards))

    assert told["user"] == (Will.SKIP, "unless id deploy: it succeeded")
    assert told["clone"] == (Will.RUN, "")
    assert told["when"] == (Will.RUN_TIME, "its when asks for a result")
    assert told["late"] == (Will.RUN_TIME, "waits for r")
    assert told["once"] == told["bare"] == told["unlock"] == (Will.RUN, "")
    assert told["restart"] == (Will.RUN_TIME, "run where a step calls it")
    assert told["again"] == (Will.RUN_TIME, "run after a rollback")


@pytest.mark.parametrize(
    ("creates", "only_if", "will"),
    [
        (0, None, Will.SKIP),
        (1, 0, Will.RUN),
        (2, 1, Will.SKIP),
        (1, 128, Will.SKIP),
        (1, 129, Will.RUN_TIME),
        (137, None, Will.RUN_TIME),
        (1, None, Will.RUN_TIME),
        (None, None, Will.RUN_TIME),
    ],
)
def test_a_guard_says_what_it_would_say_in_the_run(
    plan: Plan, creates: int | None, only_if: int | None, will: Will
) -> None:
    said = {(CLONE, Guard.CREATES): creates, (CLONE, Guard.ONLY_IF): only_if}
    guards = {key: status for key, status in said.items() if status is not None}

    assert verdict_on(plan, plan.hosts[0], CLONE, facts(replace(WELL, guards=guards))).will is will


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (replace(WELL, users={"deploy": False}), "there is no user deploy now"),
        (replace(WELL, folders={DEPLOY: False}), "there is no folder /srv/app now"),
        (replace(WELL, setsid=False), "no guard can be looked at: there is no setsid"),
    ],
)
def test_where_a_guard_could_not_run_it_says_nothing(plan: Plan, answers: Answers, why: str) -> None:
    guards = {(CLONE, Guard.CREATES): 1, (CLONE, Guard.ONLY_IF): 1}
    verdict = verdict_on(plan, plan.hosts[0], CLONE, facts(replace(answers, guards=guards)))

    assert (verdict.will, verdict.why) == (Will.RUN_TIME, why)


def test_why_guards_have_no_answer_is_told(plan: Plan) -> None:
    verdict = verdict_on(plan, plan.hosts[0], CLONE, facts(unasked="blocked"))

    assert (verdict.will, verdict.why) == (Will.RUN_TIME, "blocked")


@pytest.mark.parametrize("found", [each for each in Found if each is not Found.READY])
def test_on_a_host_that_would_not_start_nothing_is_known(plan: Plan, found: Found) -> None:
    verdict = verdict_on(plan, plan.hosts[0], 7, facts(None, found))

    assert verdict.will is Will.RUN_TIME
    assert warnings_on(plan, plan.hosts[0], facts(None, found)) == []


def test_what_is_amiss_in_a_guest_is_a_warning_that_says_who_needs_it(plan: Plan) -> None:
    other = Folder(user="migrator", cwd="/srv/app")
    answers = Answers(
        users={"root": True, "deploy": True, "migrator": False}, folders={DEPLOY: False, other: False}, free=1024
    )

    assert warnings_on(plan, plan.hosts[0], facts(answers, unasked="lost")) == [
        "no user migrator, needed by 'once', unless an earlier step makes it",
        "no folder /srv/app, needed by 'clone' and 5 more, unless an earlier step makes it",
        "no setsid, without which no step can be run but with exec: plain",
        "STATE, where attempts are kept, cannot be written to",
        "less than the 3 MiB free in STATE that this plan may need",
        "guards could not be looked at: lost",
    ]
    root = Folder(user="root", cwd="/")
    assert warnings_on(plan, plan.hosts[0], facts(replace(WELL, folders={root: False}))) == [
        "no folder /, needed by 'user'"
    ]
    assert warnings_on(plan, plan.hosts[0], facts()) == []


def test_plain_steps_need_no_room_and_no_setsid(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "vmids: [1]\nsteps: [{name: bare, run: x, exec: plain}]")

    assert warnings_on(plan, plan.hosts[0], facts(Answers(free=0))) == []


def test_the_room_is_that_of_all_outputs_and_the_library(tmp_path: Path) -> None:
    def host(steps: int) -> tuple[Plan, HostPlan]:
        listed = "\n".join(f"  - {{name: s{number}, run: x}}" for number in range(steps))
        plan = plan_of(tmp_path, f"vmids: [1]\nsteps:\n{listed}\n")
        return plan, plan.hosts[0]

    assert OUTPUT_CAP == 64 * 1024
    assert [room_for(*host(steps)) // 2**20 for steps in (1, 8, 9, 20)] == [2, 2, 3, 4]


@pytest.mark.parametrize(
    ("found", "exit"),
    [
        ((Found.READY, Found.READY), 0),
        ((Found.READY, Found.UNREACHABLE), 6),
        ((Found.NO_ANSWER,), 6),
        ((Found.OTHER_HOST,), 6),
        ((Found.UNREACHABLE, Found.REFUSED), 7),
        ((Found.TAKEN,), 7),
        ((Found.REFUSED, Found.NO_SUCH_HOST, Found.UNREACHABLE), 2),
    ],
)
def test_the_exit_status_is_the_worst_of_all_hosts(found: tuple[Found, ...], exit: int) -> None:
    assert Probe(hosts=tuple(facts(None, each) for each in found)).exit == exit
