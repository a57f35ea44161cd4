"""What it costs to plan a large fleet, beside a loop that only renders the same commands."""

import resource
import shlex
import sys
import tempfile
import time
from pathlib import Path

from jinja2 import Environment

from orchestrator import codec
from orchestrator.load import load_settings
from orchestrator.model.plan import Plan
from orchestrator.selection import Selection, read_sources

HOSTS, STEPS = 10_000, 20
COMMAND = "cd /srv/{{ app }} && git fetch origin {{ release }} && ./step {{ number }} {{ port }} {{ vmid }}"
PLAYBOOK = """name: bench
hosts: all
params: {{release: {{required: true}}}}
vars: {{app: enbase, number: 7}}
rollout: {{waves: [1, 10%, 100%]}}
steps:
{steps}"""
INVENTORY = """provider: {{kind: simulator, url: 'http://127.0.0.1:1', api_key: env:KEY}}
vars: {{port: 8000}}
hosts:
  web-[00001:{hosts:05}]: {{vmid: '[10001:{last}]'}}
"""


def make_plan(folder: Path) -> Plan:
    """A plan in which the commands of no two hosts are the same."""
    steps = "".join(f"  - {{name: s{n}, run: '{COMMAND} {n}'}}\n" for n in range(STEPS))
    (folder / "bench.yml").write_text(PLAYBOOK.format(steps=steps))
    (folder / "all.yml").write_text(INVENTORY.format(hosts=HOSTS, last=10_000 + HOSTS))
    selection = Selection(playbook=folder / "bench.yml", inventory=folder / "all.yml", extra_vars=("release=v1.2.3",))
    return read_sources(selection, load_settings(folder, {})).plan()


def naive() -> int:
    """The same commands by Jinja alone, each value quoted: no plan, no place, no error; the characters of all."""
    environment = Environment(finalize=lambda value: shlex.quote(str(value)))
    templates = [environment.from_string(f"{COMMAND} {n}") for n in range(STEPS)]
    shared = {"app": "enbase", "number": 7, "release": "v1.2.3", "port": 8000}
    return sum(
        len(template.render({**shared, "vmid": 10_001 + host})) for host in range(HOSTS) for template in templates
    )


def bench_plan() -> None:
    """Print what was measured, in a process of its own: its peak memory is the plan's."""
    print(f"\nA plan of {HOSTS:,} hosts x {STEPS} steps, every command final", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        plan = make_plan(Path(folder))
        took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 10 if sys.platform != "darwin" else 1 << 20)
    began = time.perf_counter()
    again = codec.digest(plan)
    digest = time.perf_counter() - began
    assert again == plan.digest
    del plan
    began = time.perf_counter()
    assert naive() > HOSTS * STEPS
    bare = time.perf_counter() - began
    print(f"  {'the whole plan':<40} {took:6.2f} s   (its digest: {digest:.2f} s), peak memory {peak:.0f} MB")
    print(f"  {'a loop that renders, and nothing else':<40} {bare:6.2f} s")
    print(f"  ratio {took / bare:.2f}")


if __name__ == "__main__":
    bench_plan()
