"""Runs a step on a VPS of a bridge, in this process, with all that `orc run` is made of."""

import json
from dataclasses import dataclass, field, replace

from orchestrator import wiring
from orchestrator.load.settings import load_settings
from orchestrator.model.event import AttemptEnded, Recorded, RunFinished
from orchestrator.model.host import ProviderSpec
from tests.real_agent.bridge import KEY, Bridge
from tests.real_agent.qemu_ga import Vps
from tests.small_run import plan_of


@dataclass(kw_only=True)
class Ran:
    """A run's events."""

    recorded: list[Recorded] = field(default_factory=list)

    @property
    def ended(self) -> list[AttemptEnded]:
        """How each attempt ended, in order."""
        return [each.event for each in self.recorded if isinstance(each.event, AttemptEnded)]

    @property
    def only(self) -> AttemptEnded:
        """How the only attempt of the run ended."""
        (ended,) = self.ended
        return ended

    @property
    def stdout(self) -> str:
        """What the only attempt printed."""
        assert self.only.result, self.only.detail
        return self.only.result.stdout

    @property
    def finished(self) -> RunFinished:
        (finished,) = [each.event for each in self.recorded if isinstance(each.event, RunFinished)]
        return finished


async def run_step(bridge: Bridge, vps: Vps, command: str, *, limit: str = "20s", at_home: bool = False) -> Ran:
    """Run a playbook of one step on one VPS, in the VPS's directory or in the HOME of the agent's user.

    limit: the step's time-out.
    """
    project = vps.directory / "project"
    project.mkdir(exist_ok=True)
    key = project / "key"
    key.write_text(KEY)
    step = {"name": "step", "run": command, "timeout": limit} | ({} if at_home else {"cwd": str(vps.files)})
    playbook = json.dumps({"name": "one step", "vmids": [vps.vmid], "steps": [step]})  # JSON is a kind of YAML
    provider = ProviderSpec(kind="simulator", url=bridge.url, api_key=f"file:{key}")
    plan = replace(plan_of(project, playbook), provider=provider)
    ran = Ran()
    start = wiring.Start(plan=plan, by="test")
    await wiring.run(start, load_settings(project, {}), observers=[ran.recorded.append])
    return ran
