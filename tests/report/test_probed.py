"""What the guests said, as people and programs read it: hosts folded, failures first, lists that sum up."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from orchestrator.core.probed import Found, HostFacts, Probe
from orchestrator.guest.probe import Answers, Folder
from orchestrator.model.origin import Origin, Text
from orchestrator.model.plan import HostPlan, Plan
from orchestrator.model.playbook import Guard
from orchestrator.report.known import Known
from orchestrator.report.plan_json import plan_json
from orchestrator.report.plan_text import plan_text
from orchestrator.report.probed import MOST, Probed, probe_lines
from tests.builders import Rule, make_plan
from tests.scripted_runs import BEGAN_AT, PAPER

WELL = Answers(setsid=True, writable=True, free=2**40, systemd=True, shell="dash", hostname="h", library=True)
STEPS = (
    Rule(name="clone", run="git clone", cwd="/srv/app", rollback="rm"),
    Rule(name="late", run="echo {{ r.stdout }}", waits_for=("r",)),
    Rule(name="restart", run="systemctl restart app", user="deploy"),
)
FOLDER = Folder(user="", cwd="/srv/app")


def guarded(plan: Plan) -> Plan:
    """The plan with a guard before its first step."""

    def with_guard(host: HostPlan) -> HostPlan:
        first, *rest = host.commands
        return replace(host, commands=(replace(first, guards=((Guard.CREATES, ".git"),)), *rest))

    first, *rest = plan.slots
    text = Text(source=".git", origin=Origin(file="p.yml"))
    first = replace(first, template=replace(first.template, guards=((Guard.CREATES, text),)))
    return replace(plan, slots=(first, *rest), hosts=tuple(with_guard(host) for host in plan.hosts))


def probed(plan: Plan, say: Callable[[int], tuple[Found, str, Answers | None]]) -> Probed:
    """What the n-th host of the plan, from 0, was found to be like, 8 seconds ago."""
    facts = []
    for number, host in enumerate(plan.hosts):
        found, why, answers = say(number)
        facts.append(HostFacts(host=host.host.name, at=BEGAN_AT, found=found, why=why, answers=answers))
    return Probed.of(plan, Probe(hosts=tuple(facts)), BEGAN_AT + 8)


def well(number: int, *, there: int = 1) -> tuple[Found, str, Answers | None]:
    return Found.READY, "", replace(WELL, guards={(0, Guard.CREATES): there}, folders={FOLDER: True})


def test_every_step_says_what_would_become_of_it_and_where() -> None:
    plan = guarded(make_plan(4, STEPS))
    lines = plan_text(plan, (), PAPER, Known(probed=probed(plan, lambda number: well(number, there=number % 2))))

    assert [line.strip() for line in lines if "will" in line or "decided" in line] == [
        "will run on 2 hosts: web-[002,004]",
        "will skip (probed 8.0 s ago) on 2 hosts: web-[001,003]: .git is there",
        "decided at run time: waits for r",
        "will run",
    ]
    assert not any("(decided at run time)" in line for line in lines)


def test_without_a_probe_a_plan_says_nothing_of_it() -> None:
    plan = guarded(make_plan(4, STEPS))

    assert plan_json(plan)["probe"] is None
    assert not any("PROBED" in line or "will run" in line for line in plan_text(plan, (), PAPER))
    assert any("(decided at run time)" in line for line in plan_text(plan, (), PAPER))


def many(number: int) -> tuple[Found, str, Answers | None]:
    """Of 1,000 hosts: some down, some of them with words of their own, some lacking something."""
    match number % 10:
        case 0:
            return Found.UNREACHABLE, "the agent is down", None
        case 1:
            return Found.OTHER_HOST, f"it calls itself 'vm-{number}', declared is 'web-{number}'", WELL
        case 2:
            users = {"deploy": False}
            return Found.READY, "", replace(WELL, users=users, shell=f"sh{number}", guards={(0, Guard.CREATES): 0})
        case 3:
            return Found.NO_ANSWER, "the answer was lost", None
        case _:
            return well(number)


def test_what_1000_hosts_said_is_told_in_a_few_lines_that_sum_up() -> None:
    plan = guarded(make_plan(1000, STEPS))
    told = probed(plan, many)
    lines = probe_lines(told, PAPER)
    lists = [found for line in lines if (found := re.fullmatch(r" +([0-9,]+) hosts?  (.*?)(:.*)?", line))]

    assert lines[0] == "PROBED  8.0 s ago, nothing was written: 700 of 1,000 hosts would start"
    assert [line[2] for line in lists] == [*["another hostname"] * MOST, "unreachable", "no answer", "would start"]
    assert sum(int(line[1].replace(",", "")) for line in lists) == 1000
    assert any("other reasons, in --output json" in line for line in lines)
    assert any(line.startswith("WARNING  100 hosts: no user deploy, needed by 'restart'") for line in lines)
    # Their names are most of it: that of every tenth of 1,000 hosts takes five lines.
    assert len(lines) < 60
    whole = plan_text(plan, (), PAPER, Known(probed=told))
    assert len(whole) < 250
    assert max(map(len, whole)) <= PAPER.width


def test_neither_a_guest_nor_a_provider_can_say_anything_to_a_terminal() -> None:
    plan = make_plan(2, STEPS)
    evil = "\x1b]0;x\x07\x1b[2J" + "y" * 5000 + "\nOK  all is well"

    def say(number: int) -> tuple[Found, str, Answers | None]:
        return (Found.UNREACHABLE, evil, None) if number else (Found.READY, "", replace(WELL, hostname=evil))

    text = plan_text(plan, (), PAPER, Known(probed=probed(plan, say)))
    assert all(line.isprintable() for line in text)
    assert not any(line.startswith("OK") for line in text)
    assert sum(line.count("y") for line in text) < 400


def test_programs_read_a_verdict_for_each_command_and_the_facts_of_each_host() -> None:
    plan = guarded(make_plan(3, STEPS))

    def say(number: int) -> tuple[Found, str, Answers | None]:
        return (Found.REFUSED, "blocked", None) if number == 2 else well(number, there=number)

    said = plan_json(plan, Known(probed=probed(plan, say)))
    probe = said["probe"]
    assert probe is not None
    assert probe["exit"] == 7
    assert [(each["host"], each["step"]) for each in probe["verdicts"]] == [
        (each["host"], each["step"]) for each in said["commands"]
    ]
    assert [each["verdict"] for each in probe["verdicts"] if each["step"] == "clone"] == [
        "will_skip",
        "will_run",
        "run_time",
    ]
    first, _, last = probe["hosts"]
    assert first == {
        "host": "web-001", "state": "ready", "why": "", "at": "2026-11-24T07:12:33.000Z",
        "hostname": "h", "shell": "dash", "systemd": True, "free_bytes": 2**40, "library": True, "warnings": [],
    }  # fmt: skip
    assert (last["state"], last["why"], last["free_bytes"], last["shell"]) == ("refused", "blocked", None, None)


def test_a_probe_changes_nothing_else_of_what_programs_read() -> None:
    plan = guarded(make_plan(3, STEPS))
    bare, said = plan_json(plan), plan_json(plan, Known(probed=probed(plan, well)))

    assert {key: value for key, value in said.items() if key != "probe"} == {
        key: value for key, value in bare.items() if key != "probe"
    }


def lines_of(plan: Plan, says: Sequence[Found]) -> str:
    return "\n".join(probe_lines(probed(plan, lambda number: (says[number], "why", None)), PAPER))


def test_every_way_to_be_found_has_its_words() -> None:
    found = [*Found]
    text = lines_of(make_plan(len(found), STEPS), found)

    assert text.count("1 host ") == len(found)
    assert text.splitlines()[0].endswith(f"1 of {len(found)} hosts would start")
