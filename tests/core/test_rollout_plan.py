"""Waves by pattern, the order of the hosts, and what a run is spread by, as a plan has them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.core.expand import expand
from orchestrator.core.pattern import select
from orchestrator.core.waves import arrange
from orchestrator.errors import InputError
from orchestrator.load import load_all
from orchestrator.model.gate import Bake, ControllerCommand
from orchestrator.model.host import Variable
from orchestrator.model.ids import HostName
from orchestrator.model.origin import COMMAND_LINE, Text
from orchestrator.model.plan import Plan, Section
from orchestrator.model.rollout import HostOrder, InFlight

INVENTORY = """
hosts:
  web-1: {vmid: 1, zone: a}
  web-2: {vmid: 2, zone: b}
  web-3: {vmid: 3, zone: a}
  web-10: {vmid: 10, zone: b}
  db-1: {vmid: 20}
groups: {web: {hosts: [web-*]}}
"""


def plan(folder: Path, rollout: str, *, limit: str = "web", params: Mapping[str, str] | None = None) -> Plan:
    (folder / "i.yml").write_text(INVENTORY)
    text = f"hosts: web\nparams: {{release: {{}}}}\nrollout: {rollout}\nsteps: [{{name: one, run: true}}]\n"
    (folder / "p.yml").write_text(text.replace("run: true", "run: 'true'"))
    book, inventory = load_all(folder / "p.yml", folder / "i.yml")
    assert inventory is not None
    hosts = select(Text(source=limit, origin=COMMAND_LINE), inventory)
    passed = {name: Variable(value=value, origin=COMMAND_LINE) for name, value in (params or {}).items()}
    return expand(book, inventory, hosts, passed)


def waves(found: Plan) -> list[str]:
    return [" ".join(wave.hosts) for wave in found.waves]


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        ("{waves: [{hosts: web-3}, 100%]}", ["web-3", "web-1 web-2 web-10"]),
        ("{waves: [1, {hosts: 'web-1,web-10'}, 1]}", ["web-2", "web-1 web-10", "web-3"]),
        ("{waves: [1, {hosts: [web-10, web-1]}, 1]}", ["web-2", "web-1 web-10", "web-3"]),
        ("{waves: [{hosts: '~web-[12]$'}, {hosts: 'web:!web-1:!web-2'}]}", ["web-1 web-2", "web-3 web-10"]),
        ("{order: reverse, waves: [1, 100%]}", ["web-10", "web-3 web-2 web-1"]),
        ("{order: sorted, waves: [3, 100%]}", ["web-1 web-2 web-3", "web-10"]),
        ("{waves: [50%, {hosts: web-1}, 100%]}", ["web-2 web-3", "web-1", "web-10"]),
    ],
)
def test_hosts_of_a_pattern_go_in_its_wave_and_in_no_other(tmp_path: Path, rollout: str, expected: list[str]) -> None:
    assert waves(plan(tmp_path, rollout)) == expected


@pytest.mark.parametrize(
    ("rollout", "problem"),
    [
        ("{waves: [{hosts: web-1}, {hosts: 'web-1:web-2'}, 100%]}", "web-1 is in the wave 'wave 1' already"),
        ("{waves: [{hosts: web-1}]}", "web-2, web-3, web-10 are in no wave"),
        ("{waves: [{hosts: db-1}, 100%]}", "'db-1' names none of the playbook's hosts"),
        ("{waves: [{hosts: web-7}, 100%]}", "no host, group or vmid is called 'web-7'"),
        ("{spread: rack}", "the run is spread by `rack`, which is not set (for web-1 and 3 more)"),
        ("{spread: groups}", "the run is spread by `groups`, which is no single value (for web-1 and 3 more)"),
        ("{gates: [{command: {run: 'check {{ nothing }}', on: controller}}]}", "`nothing` is not defined"),
        ("{gates: [{command: {argv: [check, '{{ nothing }}'], on: controller}}]}", "`nothing` is not defined"),
        ("{gates: [{command: {run: 'check {{ host }}', on: controller}}]}", "`host` is not defined"),
        (
            "{gates: [{command: {run: 'check {{ nothing }}', on: wave}}]}",
            "`nothing` is not defined (for web-1 and 3 more)",
        ),
        ("{gates: [{name: one, command: {run: check, on: wave}}]}", "a gate on the wave is called 'one', like a step"),
        (
            "{waves: [{size: 1, gates: [{command: {run: a, on: wave}}]}, 1], gates: [{command: {run: b, on: wave}}]}",
            "a gate on the wave is called 'command', like another gate",
        ),
    ],
)
def test_what_is_wrong_with_a_rollout_is_said(tmp_path: Path, rollout: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        plan(tmp_path, rollout)
    assert [each.problem for each in caught.value.problems] == [problem]


def test_a_wave_of_whose_hosts_the_limit_leaves_none_is_left_out_and_named(tmp_path: Path) -> None:
    found = plan(tmp_path, "{waves: [{name: canary, hosts: web-1}, 100%]}", limit="web-2")
    assert (waves(found), found.left_out) == (["web-2"], ("canary",))


def test_a_shuffle_is_the_same_for_the_same_seed_and_follows_from_what_is_passed(tmp_path: Path) -> None:
    shuffled = "{order: shuffle, waves: [100%]}"
    one, same, other = (plan(tmp_path, shuffled, params={"release": r}) for r in ("v1", "v1", "v2"))
    assert one == same
    assert one.policy.seed != other.policy.seed
    assert plan(tmp_path, "{order: shuffle, seed: 7}").policy.seed == "7"
    names = [HostName(f"web-{n}") for n in range(50)]
    assert arrange(names, HostOrder.SHUFFLE, "a") != arrange(names, HostOrder.SHUFFLE, "b") != tuple(names)
    assert sorted(arrange(names, HostOrder.SHUFFLE, "a")) == sorted(names)


def test_the_plan_has_every_hosts_value_and_the_rules_resolved(tmp_path: Path) -> None:
    found = plan(
        tmp_path,
        "{spread: {by: zone, max: 2}, in_flight: cancel, min_healthy: 30s, progress_deadline: 10m, "
        "waves: [{size: 50%, max_failures: 50%}, 100%]}",
    )
    assert [host.spread for host in found.hosts] == ["a", "b", "a", "b"]
    assert found.policy.in_flight is InFlight.CANCEL
    assert (found.policy.min_healthy, found.policy.progress_deadline) == (30, 600)
    assert [wave.max_failures for wave in found.waves] == [1, None]


def test_a_first_wave_of_one_host_has_no_failures_to_spare_unless_it_says_so(tmp_path: Path) -> None:
    budgets = "waves: [1, 100%], max_failures: 3"
    assert plan(tmp_path, f"{{{budgets}}}").waves[0].max_failures == 0
    assert plan(tmp_path, "{waves: [{size: 1, max_failures: 1}, 100%]}").waves[0].max_failures == 1
    assert plan(tmp_path, "{waves: [1]}", limit="web-1").waves[0].max_failures is None


def test_a_waves_own_bake_and_gates_stand_in_place_of_the_rollouts(tmp_path: Path) -> None:
    found = plan(
        tmp_path,
        "{bake: 1m, gates: [{bake: 2m}, {name: check, command: {argv: [check], on: controller}}], "
        "waves: [{size: 1, bake: 0s}, {size: 1, gates: []}, 100%]}",
    )
    gates = [Bake(name="bake", seconds=120), ControllerCommand(name="check", argv=("check",))]
    assert [list(wave.gates) for wave in found.waves] == [
        gates, [Bake(name="bake", seconds=60)], [Bake(name="bake", seconds=60), *gates],
    ]  # fmt: skip


def test_a_gate_on_the_wave_is_a_command_of_each_of_its_hosts_with_that_hosts_values(tmp_path: Path) -> None:
    check = "{argv: [check, '{{ host }}', '{{ zone }}', '{{ release }}'], on: wave, timeout: 1m}"
    found = plan(
        tmp_path,
        f"{{waves: [{{size: 1, gates: []}}, 2, 1], gates: [{{name: health, command: {check}}}]}}",
        params={"release": "v 2"},
    )
    assert [[gate.kind for gate in wave.gates] for wave in found.waves] == [[], ["wave_command"], ["wave_command"]]
    (index,) = [at for at, slot in enumerate(found.slots) if slot.section is Section.GATES]
    assert (found.slots[index].name, found.slots[index].timeout) == ("health", 60)
    texts = {str(host.host.name): host.commands[index].text for host in found.hosts if host.whens[index]}
    assert texts == {
        "web-2": "check web-2 b 'v 2'",
        "web-3": "check web-3 a 'v 2'",
        "web-10": "check web-10 b 'v 2'",
    }, "the first wave is not asked"


def test_several_waves_may_have_one_gate(tmp_path: Path) -> None:
    gates = "gates: [{command: {run: check, on: wave}}]"
    found = plan(tmp_path, f"{{waves: [{{size: 1, {gates}}}, {{size: 1, {gates}}}, {{size: 2, gates: []}}]}}")
    assert [slot.name for slot in found.slots] == ["one", "command"]
    assert [host.host.name for host in found.hosts if host.whens[1]] == ["web-1", "web-2"]


ARGV = "{gates: [{command: {argv: [check, '--tag={{ release }}'], on: controller}}]}"


def test_a_value_is_one_word_of_a_gates_command(tmp_path: Path) -> None:
    rollout = "{gates: [{command: {run: 'check {{ release }}', on: controller}}]}"
    (gate,) = plan(tmp_path, rollout, params={"release": "v1; rm -rf /"}).waves[0].gates
    assert isinstance(gate, ControllerCommand)
    assert gate.run
    assert gate.run.source == "check 'v1; rm -rf /'"
    (gate,) = plan(tmp_path, ARGV, params={"release": "v1; rm -rf /"}).waves[0].gates
    assert isinstance(gate, ControllerCommand)
    assert gate.argv == ("check", "--tag=v1; rm -rf /")
