"""A storm, from its seed: a playbook whose every attempt leaves a trace in its VPS, an inventory, and faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from orchestrator.simulator import Chance, Fault, Faults, RestartKills

FIRST_VMID = 10000
STEPS = 6
BROKEN_STEP = 5
NEVER = 99
"""Of `bad`: more attempts than any step has."""
FAILURE = 3
"""The exit status of an attempt that is meant to fail."""

INTERRUPTING = frozenset({Fault.FORGET_PIDS, Fault.REBOOT})
"""The faults that kill commands which had begun."""
DEARER = {Fault.HANG: 0.002, Fault.SLOW: 0.5}
"""Of the others' probability, for what costs seconds a request: one that hangs costs the client its 30 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """One seeded storm over `hosts` VPSes.

    faults: with which probabilities, for `lasts` seconds from the run's begin. kills: how often orc is killed.
    first_wave: its size, as the playbook has it. restart_kills: what dies with an agent.
    """

    seed: int
    hosts: int
    faults: Mapping[Fault, float] = field(default_factory=dict)
    lasts: float = 60.0
    kills: int = 0
    first_wave: str = "100%"
    restart_kills: RestartKills = RestartKills.SESSION

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"vps-{index:04d}" for index in range(self.hosts))

    @property
    def interrupts(self) -> bool:
        """Whether commands that have begun may be killed."""
        return any(self.faults.get(fault) for fault in INTERRUPTING)

    def rules(self) -> Faults:
        """The faults as the simulator takes them."""
        return Faults(seed=self.seed, all={fault: Chance(of=of) for fault, of in self.faults.items()})

    def bad(self, name: str, step: int) -> int:
        """How many attempts of a step (from 1) are meant to fail on a host, from the first."""
        draw = Random(f"{self.seed}/{name}/{step}").random()
        if step == BROKEN_STEP:
            return NEVER if draw < 0.1 else 0
        return 1 if draw < 0.08 else 0

    def nap(self, name: str, step: int) -> float:
        """Seconds that a step sleeps on a host."""
        return round(Random(f"{self.seed}/{name}/{step}/nap").uniform(0, 0.3), 3)


def everything_at_once(seed: int, *, without: frozenset[Fault] = frozenset({Fault.BLOCKED})) -> dict[Fault, float]:
    """Every fault but those: three of them at 10 to 20 % of all requests, the others at 5 %, the dear ones rarer.

    With all of them at 20 % hardly a request in ten would be answered, and runs would be slow rather than harder.
    """
    random = Random(f"faults {seed}")
    high = random.sample(sorted(Fault), 3)
    of = {fault: random.uniform(0.1, 0.2) if fault in high else 0.05 for fault in Fault}
    return {fault: round(of[fault] * DEARER.get(fault, 1), 5) for fault in Fault if fault not in without}


# The library runs a command as `sh DIRECTORY/cmd`, so that $0 tells a command which attempt it is.
_TRACE = """\
a=${{0%/cmd}}; a=${{a##*/}}
echo "$a" >> ~/count."${{a%.*}}"
echo "begin $a" >> ~/order
{body}
echo "$a of "{{{{ me }}}}" – räksmörgås"{heard}
echo "$a: är på väg" >&2
echo "end $a" >> ~/order
"""
_VERDICT = '[ "${{a##*.}}" -gt {{{{ bad_{step} | int }}}} ] || exit {failure}\n'


def said(attempt: str, host: str, heard: str = "") -> tuple[str, str]:
    """What an attempt (`00-step-1.2`) prints on stdout and stderr. heard: the registered value that it was given."""
    return f"{attempt} of {host} – räksmörgås{f' heard {heard}' if heard else ''}\n", f"{attempt}: är på väg\n"


HEARS = 4
"""The step that is given what step 1 has registered."""


def _run(step: int | str, indent: str) -> str:
    """A step's command as a block of YAML. step: its number, or the name of one that always succeeds."""
    body = f"sleep {{{{ nap_{step} }}}}" if isinstance(step, int) else "sleep 0.05"
    text = _TRACE.format(body=body, heard='" heard "{{ first.stdout }}' if step == HEARS else "")
    if isinstance(step, int):
        text += _VERDICT.format(step=step, failure=FAILURE)
    return "run: |\n" + "".join(f"{indent}  {line}\n" for line in text.splitlines())


def playbook(storm: Storm) -> str:
    """The playbook of a storm: six steps, four of them with rollbacks, one step after these and one in the end."""
    lines = [
        "name: chaos\nhosts: all\ndefaults: {timeout: 2m}\n"
        f"rollout: {{waves: [{storm.first_wave}, 100%], max_parallel: {min(storm.hosts, 100)}, "
        "max_failures: 100%, max_unreachable: 100%}\nsteps:\n"
    ]
    for step in range(1, STEPS + 1):
        tries = 2 if step == BROKEN_STEP and not storm.interrupts else 8
        lines.append(f"  - name: step {step}\n    retries: {{attempts: {tries}, delay: 0s}}\n    {_run(step, '    ')}")
        if step == 1:
            lines.append("    register: first\n")
        if 1 < step < STEPS:
            undo = _run("undo", "      ")
            lines.append(f"    rollback:\n      retries: {{attempts: 8, delay: 0s}}\n      {undo}")
    for section in ("after_rollback", "finally"):
        retries = "    retries: {attempts: 8, delay: 0s}\n"
        lines.append(f"{section}:\n  - name: {section.replace('_', ' ')}\n{retries}    {_run(section, '    ')}")
    return "".join(lines)


def inventory(storm: Storm, url: str) -> str:
    """The inventory of a storm: what each host is to do stands in its variables."""
    lines = [f"provider: {{kind: simulator, url: {url}, api_key: env:ORC_SIMULATOR_KEY}}\nhosts:\n"]
    for vmid, name in enumerate(storm.names, FIRST_VMID):
        words = [f"vmid: {vmid}", f"me: {name}"]
        for step in range(1, STEPS + 1):
            words += [f"nap_{step}: {storm.nap(name, step)}", f"bad_{step}: {storm.bad(name, step)}"]
        lines.append(f"  {name}: {{{', '.join(words)}}}\n")
    return "".join(lines)


def write_project(storm: Storm, folder: Path, url: str) -> None:
    """A folder in which `orc run chaos.yml -i fleet.yml` starts the storm."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chaos.yml").write_text(playbook(storm), encoding="utf-8")
    (folder / "fleet.yml").write_text(inventory(storm, url), encoding="utf-8")
