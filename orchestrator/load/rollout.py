"""How a run goes over the fleet, as it was written, to a Rollout."""

from orchestrator.load.document import Document
from orchestrator.load.gate_shape import read_gates
from orchestrator.load.problems import Loc
from orchestrator.load.rollout_shape import RolloutShape, WaveShape
from orchestrator.model.rollout import HostOrder, InFlight, RollbackScope, Rollout, Share, Spread, WaveSize


def read_rollout(shape: RolloutShape, document: Document) -> Rollout:
    """The rollout that a checked shape means; document: where its texts stand."""
    waves, key = (shape.waves, "waves") if shape.waves else (shape.serial, "serial")
    return Rollout(
        waves=tuple(_wave(wave, document, ("rollout", key, at)) for at, wave in enumerate(waves))
        if waves
        else Rollout().waves,
        max_parallel=shape.max_parallel,
        max_failures=shape.max_failures or Share(count=0),
        max_unreachable=shape.max_unreachable or Share(count=0),
        rollback=RollbackScope(shape.rollback),
        in_flight=InFlight(shape.in_flight),
        order=HostOrder(shape.order),
        seed=shape.seed or "",
        spread=Spread(by=shape.spread_.by, max=shape.spread_.max) if shape.spread_ else None,
        spread_origin=document.origin(("rollout", "spread")) if shape.spread_ else None,
        waves_origin=document.origin(("rollout", key)) if waves else None,
        bake=shape.bake,
        gates=read_gates(shape.gates, document, ("rollout", "gates")),
        min_healthy=shape.min_healthy,
        progress_deadline=shape.progress_deadline,
    )


def _wave(shape: WaveShape, document: Document, loc: Loc) -> WaveSize:
    return WaveSize(
        size=shape.size,
        name=shape.name or "",
        hosts=document.text((*loc, "hosts"), shape.hosts) if shape.hosts else None,
        max_failures=shape.max_failures,
        bake=shape.bake,
        gates=None if shape.gates is None else read_gates(shape.gates, document, (*loc, "gates")),
    )
