"""`orc deny`: lets a run go no further that waits for a person."""

from functools import partial

import anyio

from orchestrator.cli.approve import GateArgument, ReasonOption, answer
from orchestrator.cli.options import RunArgument, begin
from orchestrator.model.request import Act


def command(run: RunArgument, gate: GateArgument = None, *, why: ReasonOption) -> None:
    """Let a run go no further that waits for a person after a wave. Kept with who did it, when and why.

    What was done stays done, unless the gate says `on_deny: rollback`. `orc resume RUN` then ends the run.
    """
    anyio.run(partial(answer, run, gate, Act.DENY, begin(), why))
