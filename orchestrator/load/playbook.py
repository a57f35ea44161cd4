"""A playbook file to a Playbook."""

from collections.abc import Mapping
from pathlib import Path

from orchestrator.load.bodies import read_body
from orchestrator.load.document import Document
from orchestrator.load.files import read_source
from orchestrator.load.playbook_shape import SECTIONS, DefaultsShape, PlaybookShape
from orchestrator.load.problems import Finding, Loc
from orchestrator.load.rollout_shape import RolloutShape, WaveShape
from orchestrator.load.shape import check
from orchestrator.load.step_names import step_names
from orchestrator.load.step_shape import RetriesShape, RollbackShape, StepShape
from orchestrator.load.yaml12 import read_yaml_text
from orchestrator.model.host import Variable
from orchestrator.model.ids import StepName, Vmid
from orchestrator.model.origin import Text
from orchestrator.model.playbook import (
    Body,
    Interrupted,
    Limits,
    OnFailure,
    Outcome,
    Param,
    Playbook,
    Retries,
    RollbackRule,
    RollbackScope,
    Rollout,
    Share,
    Step,
    WaveSize,
)


def load_playbook(path: Path) -> Playbook:
    """The playbook in a file. Raises InputError with all that is wrong in it."""
    source = read_source(path)
    document = read_yaml_text(source)
    shape, findings = check(PlaybookShape, document.data)
    if not isinstance(document.data, dict):
        findings = [_not_a_playbook(document.data)]
    document.refuse(findings, free=_is_free)
    assert shape  # noqa: S101  # check() gives a shape or findings, and those have been refused
    return _playbook(shape, document, stem=path.stem)


def _not_a_playbook(data: object) -> Finding:
    if isinstance(data, list):
        fix = "a list of plays is Ansible's; write one mapping with steps"
        return Finding(problem="a playbook must be one mapping, not a list", fix=fix)
    problem = "the file is empty" if data is None else "a playbook must be a mapping, not text"
    return Finding(problem=problem, fix="begin with `name:`, `hosts:` and `steps:`")


def _is_free(loc: Loc) -> bool:
    return loc[:1] == ("vars",) or any(isinstance(key, str) and key.startswith("x-") for key in loc)


def _playbook(shape: PlaybookShape, document: Document, stem: str) -> Playbook:
    sections = _sections(shape, document)
    defaults = shape.defaults or DefaultsShape()
    return Playbook(
        name=shape.name or stem,
        file=document.source.file,
        origin=document.origin(()),
        description=shape.description,
        vmids=tuple(Vmid(str(vmid)) for vmid in shape.vmids or ()),
        hosts=_optional(document, ("hosts",), shape.hosts),
        params=_params(shape, document),
        variables={
            name: Variable(value=value, origin=document.origin(("vars", name))) for name, value in shape.vars.items()
        },
        env=_texts(document, ("env",), shape.env),
        cwd=_optional(document, ("defaults", "cwd"), defaults.cwd),
        user=_optional(document, ("defaults", "user"), defaults.user),
        timeout=defaults.timeout,
        rollout=_rollout(shape.rollout) if shape.rollout else Rollout(),
        limits=Limits(max_hosts=shape.limits.max_hosts, max_share=shape.limits.max_share) if shape.limits else Limits(),
        steps=sections["steps"],
        after_rollback=sections["after_rollback"],
        finally_=sections["finally"],
        inputs={document.source.file: document.source.sha256},
    )


def _params(shape: PlaybookShape, document: Document) -> tuple[Param, ...]:
    return tuple(
        Param(
            name=name,
            type=param.type,
            required=param.required,
            default=param.default,
            pattern=param.pattern,
            choices=tuple(param.choices or ()),
            help=param.help,
            origin=document.key_origin(("params", name)),
        )
        for name, param in shape.params.items()
    )


def _sections(shape: PlaybookShape, document: Document) -> Mapping[str, tuple[Step, ...]]:
    shapes: list[tuple[Loc, StepShape]] = [
        ((section, index), step)
        for section, steps in zip(SECTIONS, (shape.steps, shape.after_rollback, shape.finally_), strict=True)
        for index, step in enumerate(steps)
    ]
    bodies = [read_body(step, document, loc) for loc, step in shapes]
    names = step_names([step.name for _, step in shapes], bodies)
    found: dict[str, list[Step]] = {section: [] for section in SECTIONS}
    for (loc, step), body, name in zip(shapes, bodies, names, strict=True):
        found[str(loc[0])].append(_step(step, document, loc, name=name, body=body))
    return {section: tuple(steps) for section, steps in found.items()}


def _step(shape: StepShape, document: Document, loc: Loc, *, name: str, body: Body) -> Step:
    return Step(
        name=StepName(name),
        body=body,
        origin=document.origin(loc),
        when=_optional(document, (*loc, "when"), shape.when),
        until=_optional(document, (*loc, "until"), shape.until),
        failed_when=_optional(document, (*loc, "failed_when"), shape.failed_when),
        ok_exit=frozenset(shape.ok_exit),
        register=shape.register_,
        retries=_retries(shape.retries),
        timeout=shape.timeout,
        cwd=_optional(document, (*loc, "cwd"), shape.cwd),
        user=_optional(document, (*loc, "user"), shape.user),
        env=_texts(document, (*loc, "env"), shape.env),
        rollback=_rollback(shape.rollback, document, (*loc, "rollback")) if shape.rollback else None,
        irreversible=shape.irreversible,
        background=shape.background,
        interrupted=Interrupted(shape.interrupted or ("rerun" if shape.idempotent else "fail")),
        on_failure=OnFailure(shape.on_failure),
        plain=shape.exec == "plain",
    )


def _rollback(shape: RollbackShape, document: Document, loc: Loc) -> RollbackRule:
    return RollbackRule(
        body=read_body(shape, document, loc),
        on=frozenset(Outcome(outcome) for outcome in shape.on),
        timeout=shape.timeout,
        retries=_retries(shape.retries),
    )


def _retries(shape: RetriesShape | None) -> Retries:
    if shape is None:
        return Retries()
    # A delay above the default ceiling was meant: the ceiling gives way.
    ceiling = max(shape.delay, Retries().max_delay) if shape.max_delay is None else shape.max_delay
    return Retries(attempts=shape.attempts, delay=shape.delay, backoff=shape.backoff, max_delay=ceiling)


def _rollout(shape: RolloutShape) -> Rollout:
    waves = shape.waves or shape.serial
    return Rollout(
        waves=tuple(_wave(wave) for wave in waves) if waves else Rollout().waves,
        max_parallel=shape.max_parallel,
        max_failures=shape.max_failures or Share(count=0),
        max_unreachable=shape.max_unreachable or Share(count=0),
        rollback=RollbackScope(shape.rollback),
    )


def _wave(shape: WaveShape) -> WaveSize:
    assert shape.size  # noqa: S101  # WaveShape's rules refuse a wave without it
    return WaveSize(size=shape.size, name=shape.name or "")


def _optional(document: Document, loc: Loc, source: str | None) -> Text | None:
    return None if source is None else document.text(loc, source)


def _texts(document: Document, loc: Loc, sources: Mapping[str, str]) -> Mapping[str, Text]:
    return {name: document.text((*loc, name), source) for name, source in sources.items()}
