"""A plan's digest covers whatever can change a command, and nothing of the machine that it was made on."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.cli.wanted import Wanted
from orchestrator.load import load_settings
from orchestrator.report.plan_differences import plan_differences
from orchestrator.saved_plan import SavedPlan, write_saved

PLAYBOOK: dict[str, Any] = {
    "name": "deploy",
    "hosts": "web",
    "params": {"release": {"type": "string", "default": "v1"}},
    "vars": {"repo": "/srv/app", "greeting": "hello"},
    "env": {"APP_ENV": "production"},
    "defaults": {"timeout": "10m", "user": "deploy", "cwd": "/srv"},
    "limits": {"max_hosts": 50},
    "rollout": {"waves": [1, "50%"], "max_parallel": 4, "max_failures": 1},
    "steps": [
        {"name": "before", "run": "git -C {{ repo }} rev-parse HEAD", "register": "before"},
        {
            "name": "pull",
            "run": "git -C {{ repo }} checkout {{ release }}",
            "timeout": "5m",
            "retries": {"attempts": 3, "delay": "5s"},
            "rollback": {"run": "git -C {{ repo }} checkout {{ before.stdout }}", "on": ["failed"]},
        },
        {"name": "say", "argv": ["echo", "{{ greeting }}", "{{ port }}"], "when": "zone == 'a'"},
        {"name": "all", "run": "touch {{ item }}", "loop": ["a", "b"]},
    ],
    "handlers": [{"name": "reload", "run": "systemctl reload app"}],
    "finally": [{"name": "unlock", "run": "rm -f lock", "tags": ["slow"]}],
}
INVENTORY: dict[str, Any] = {
    "provider": {"kind": "simulator", "url": "http://127.0.0.1:1", "api_key": "env:KEY"},
    "vars": {"zone": "a"},
    "hosts": {"web-[1:6]": {"vmid": "[10001:10006]"}},
    "groups": {"web": {"hosts": ["web-*"], "vars": {"port": 8000}}},
}


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that goes into a plan. typed: of the command line."""

    playbook: dict[str, Any] = field(default_factory=lambda: copy.deepcopy(PLAYBOOK))
    inventory: dict[str, Any] = field(default_factory=lambda: copy.deepcopy(INVENTORY))
    typed: dict[str, Any] = field(default_factory=dict)


def step(inputs: Inputs, number: int) -> dict[str, Any]:
    found: dict[str, Any] = inputs.playbook["steps"][number]
    return found


CHANGES: Mapping[str, Callable[[Inputs], object]] = {
    "a command": lambda it: step(it, 1).update(run="git checkout {{ release }}"),
    "a rollback": lambda it: step(it, 1)["rollback"].update(run="git checkout HEAD~1"),
    "when it is taken back": lambda it: step(it, 1)["rollback"].update(on=["failed", "timed_out"]),
    "a time-out": lambda it: step(it, 1).update(timeout="6m"),
    "the retries": lambda it: step(it, 1).update(retries={"attempts": 4, "delay": "5s"}),
    "a condition": lambda it: step(it, 2).update(when="zone == 'b'"),
    "an argument": lambda it: step(it, 2).update(argv=["echo", "{{ port }}", "{{ greeting }}"]),
    "a loop": lambda it: step(it, 3).update(loop=["a", "c"]),
    "the order of steps": lambda it: it.playbook["steps"].append(it.playbook["steps"].pop(2)),
    "a step more": lambda it: it.playbook["steps"].append({"name": "more", "run": "true"}),
    "a handler": lambda it: it.playbook["handlers"][0].update(run="systemctl restart app"),
    "what comes at the end": lambda it: it.playbook["finally"][0].update(run="rm -rf lock"),
    "a variable": lambda it: it.playbook["vars"].update(greeting="hi"),
    "the environment": lambda it: it.playbook["env"].update(APP_ENV="staging"),
    "the folder": lambda it: it.playbook["defaults"].update(cwd="/opt"),
    "the user": lambda it: it.playbook["defaults"].update(user="root"),
    "a limit": lambda it: it.playbook["limits"].update(max_hosts=40),
    "the waves": lambda it: it.playbook["rollout"].update(waves=[2, "50%"]),
    "the order of hosts": lambda it: it.playbook["rollout"].update(order="reverse"),
    "a budget": lambda it: it.playbook["rollout"].update(max_failures=2),
    "the scope of rollback": lambda it: it.playbook["rollout"].update(rollback="run"),
    "a gate": lambda it: it.playbook["rollout"].update(gates=[{"bake": "5m"}]),
    "a variable of the inventory": lambda it: it.inventory["vars"].update(zone="b"),
    "a variable of a group": lambda it: it.inventory["groups"]["web"]["vars"].update(port=8080),
    "a variable of a host": lambda it: it.inventory["hosts"]["web-[1:6]"].update(port=9000),
    "a machine": lambda it: it.inventory["hosts"]["web-[1:6]"].update(vmid="[10002:10007]"),
    "a hostname": lambda it: it.inventory["hosts"]["web-[1:6]"].update(hostname="web-[1:6].example.com"),
    "a host more": lambda it: it.inventory["hosts"].update({"web-7": {"vmid": 10099}}),
    "the provider": lambda it: it.inventory["provider"].update(url="http://127.0.0.1:2"),
    "the key's reference": lambda it: it.inventory["provider"].update(api_key="env:OTHER"),
    "a parameter": lambda it: it.typed.update(extra_vars=("release=v2",)),
    "a limit that is typed": lambda it: it.typed.update(limit="web-[1-3]"),
    "the tags": lambda it: it.typed.update(skip_tags=("slow",)),
    "the forks": lambda it: it.typed.update(forks=2),
    "a budget that is typed": lambda it: it.typed.update(max_failures="3"),
    "no rollback": lambda it: it.typed.update(no_rollback=True),
}  # fmt: skip


def saved(folder: Path, changed: frozenset[str]) -> SavedPlan:
    """The plan of the inputs with these changes, made in a folder."""
    inputs = Inputs()
    for name in CHANGES:  # in one order, however they were drawn
        if name in changed:
            CHANGES[name](inputs)
    (folder / "playbook.yml").write_text(yaml.safe_dump(inputs.playbook, sort_keys=False))
    (folder / "inventory.yml").write_text(yaml.safe_dump(inputs.inventory, sort_keys=False))
    wanted = Wanted(playbook=Path("playbook.yml"), inventory=Path("inventory.yml"), **inputs.typed)
    return SavedPlan(plan=wanted.plan(load_settings(folder, {})), argv=wanted.argv())


def made_elsewhere(monkeypatch: pytest.MonkeyPatch, changed: frozenset[str]) -> tuple[SavedPlan, bytes]:
    """The same in a folder of its own; and the bytes of its file."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        monkeypatch.chdir(folder)
        found = saved(folder, changed)
        write_saved(folder / "a.plan", found)
        monkeypatch.undo()
        return found, (folder / "a.plan").read_bytes()


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_a_plan_changes_its_digest_and_is_told(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    before, _ = made_elsewhere(monkeypatch, frozenset())
    after, _ = made_elsewhere(monkeypatch, frozenset({change}))
    assert before.plan.digest != after.plan.digest
    found = plan_differences(before.plan, after.plan)
    assert any((found.params, found.values, found.added, found.gone, found.rules, found.commands)), found


@settings(max_examples=60)
@given(one=st.frozensets(st.sampled_from(sorted(CHANGES)), max_size=6), other=st.data())
def test_the_same_inputs_give_the_same_bytes_on_any_machine_and_others_another_digest(
    one: frozenset[str], other: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        first, written = made_elsewhere(patch, one)
        again, rewritten = made_elsewhere(patch, one)
        assert (first, written) == (again, rewritten)
        name = other.draw(st.sampled_from(sorted(CHANGES)))
        changed, _ = made_elsewhere(patch, one ^ {name})
    assert changed.plan.digest != first.plan.digest
