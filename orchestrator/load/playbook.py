"""A playbook file to a Playbook."""

from collections.abc import Mapping
from pathlib import Path

from orchestrator.load.beside import Beside, roots_of
from orchestrator.load.bodies import read_body
from orchestrator.load.document import Document
from orchestrator.load.files import read_source
from orchestrator.load.included import Written, include
from orchestrator.load.playbook_shape import SECTIONS, DefaultsShape, PlaybookShape, declared
from orchestrator.load.problems import Finding, Loc, dotted
from orchestrator.load.retries_shape import RetriesShape
from orchestrator.load.rollback_shape import RollbackShape, UndoPartShape, VerifyShape
from orchestrator.load.rollout import read_rollout
from orchestrator.load.shape import check
from orchestrator.load.step_names import step_names
from orchestrator.load.step_shape import StepShape
from orchestrator.load.yaml12 import read_yaml_text
from orchestrator.model.host import Variable
from orchestrator.model.ids import StepName, Vmid
from orchestrator.model.origin import Text
from orchestrator.model.param import Param
from orchestrator.model.playbook import (
    Body,
    Guard,
    Interrupted,
    Limits,
    Loop,
    OnFailure,
    Outcome,
    Playbook,
    Retries,
    RollbackRule,
    RunOnce,
    Step,
    UndoPart,
)
from orchestrator.model.rollout import Rollout


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
    sections, inputs = _sections(shape, document)
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
        rollout=read_rollout(shape.rollout, document) if shape.rollout else Rollout(),
        limits=Limits(max_hosts=shape.limits.max_hosts, max_share=shape.limits.max_share) if shape.limits else Limits(),
        steps=sections["steps"],
        handlers=sections["handlers"],
        after_rollback=sections["after_rollback"],
        finally_=sections["finally"],
        inputs={document.source.file: document.source.sha256, **inputs},
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
            secret=param.secret,
            origin=document.key_origin(("params", name)),
        )
        for name, param in shape.params.items()
    )


def _sections(shape: PlaybookShape, document: Document) -> tuple[Mapping[str, tuple[Step, ...]], Mapping[str, str]]:
    """The steps by section, those of included files in their places, and the sha256 of all files by path."""
    sections = (shape.steps, shape.handlers, shape.after_rollback, shape.finally_)
    own = [
        Written(shape=step, document=document, loc=(section, index), section=section)
        for section, steps in zip(SECTIONS, sections, strict=True)
        for index, step in enumerate(steps)
    ]
    written, inputs = include(own, declared({"params": shape.params, "vars": shape.vars})[0])
    beside = Beside(roots=roots_of(Path(document.source.file)))
    bodies = [read_body(each.shape, each.document, each.loc, beside) for each in written]
    names = step_names([each.shape.name for each in written], bodies)
    found: dict[str, list[Step]] = {section: [] for section in SECTIONS}
    for each, body, name in zip(written, bodies, names, strict=True):
        found[each.section].append(_step(each, name=name, body=body, beside=beside))
    beside.raise_any()
    return {section: tuple(steps) for section, steps in found.items()}, {**inputs, **beside.inputs}


def _step(written: Written, *, name: str, body: Body, beside: Beside) -> Step:
    shape, document, loc = written.shape, written.document, written.loc
    return Step(
        name=StepName(name),
        body=body,
        origin=document.origin(loc),
        path=written.path,
        under=written.under,
        tags=tuple(dict.fromkeys((*written.tags, *shape.tags))),
        loop=_loop(shape, document, (*loc, "loop")),
        changed_when=_optional(document, (*loc, "changed_when"), shape.changed_when),
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
        rollback=_rollback(shape.rollback, document, (*loc, "rollback"), beside) if shape.rollback else None,
        irreversible=shape.irreversible,
        background=shape.background,
        interrupted=Interrupted(shape.interrupted or ("rerun" if shape.idempotent else "fail")),
        on_failure=OnFailure(shape.on_failure),
        plain=shape.exec == "plain",
        secret=shape.secret,
        guards=_guards(shape, document, loc),
        run_once=RunOnce(shape.run_once) if shape.run_once else None,
        handlers=tuple(StepName(name) for name in dict.fromkeys(shape.handlers)),
    )


def _guards(shape: StepShape, document: Document, loc: Loc) -> Mapping[Guard, Text]:
    written = {guard: getattr(shape, guard.value) for guard in Guard}
    return {guard: document.text((*loc, guard.value), text) for guard, text in written.items() if text is not None}


def _loop(shape: StepShape, document: Document, loc: Loc) -> Loop | None:
    path = dotted(loc)
    match shape.loop:
        case None:
            return None
        case str(source):
            text = document.text(loc, source)
            return Loop(text=text, path=path, expression="{{" not in source and "{%" not in source, origin=text.origin)
        case items:
            values = (Variable(value=item, origin=document.text_origin((*loc, at))) for at, item in enumerate(items))
            return Loop(items=tuple(values), path=path, origin=document.origin(loc))


def _rollback(shape: RollbackShape, document: Document, loc: Loc, beside: Beside) -> RollbackRule:
    verify = shape.verify
    return RollbackRule(
        parts=_undo_parts(shape, document, loc, beside),
        verify=_undo_part(verify, document, (*loc, "verify"), beside, name="") if verify else None,
        on=frozenset(Outcome(outcome) for outcome in shape.on),
        when=_optional(document, (*loc, "when"), shape.when),
        timeout=shape.timeout,
    )


def _undo_parts(shape: RollbackShape, document: Document, loc: Loc, beside: Beside) -> tuple[UndoPart, ...]:
    """The commands of a rollback: the one that it is, or those of its `steps`, each with a name."""
    if not shape.steps:
        return (UndoPart(body=read_body(shape, document, loc, beside), retries=_retries(shape.retries)),)
    locs = [(*loc, "steps", index) for index in range(len(shape.steps))]
    bodies = [read_body(part, document, at, beside) for part, at in zip(shape.steps, locs, strict=True)]
    names = step_names([part.name for part in shape.steps], bodies)
    return tuple(
        _undo_part(part, document, at, beside, name=name)
        for part, at, name in zip(shape.steps, locs, names, strict=True)
    )


def _undo_part(
    shape: UndoPartShape | VerifyShape, document: Document, loc: Loc, beside: Beside, *, name: str
) -> UndoPart:
    body = read_body(shape, document, loc, beside)
    return UndoPart(body=body, name=name, timeout=shape.timeout, retries=_retries(shape.retries))


def _retries(shape: RetriesShape | None) -> Retries:
    if shape is None:
        return Retries()
    # A delay above the default ceiling was meant: the ceiling gives way.
    ceiling = max(shape.delay, Retries().max_delay) if shape.max_delay is None else shape.max_delay
    seconds, percent = shape.jitter or (0.0, 0.0)
    return Retries(
        attempts=shape.attempts,
        delay=shape.delay,
        backoff=shape.backoff,
        max_delay=ceiling,
        jitter=seconds,
        jitter_percent=percent,
    )


def _optional(document: Document, loc: Loc, source: str | None) -> Text | None:
    return None if source is None else document.text(loc, source)


def _texts(document: Document, loc: Loc, sources: Mapping[str, str]) -> Mapping[str, Text]:
    return {name: document.text((*loc, name), source) for name, source in sources.items()}
