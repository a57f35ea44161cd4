"""Which steps a caller's tags leave in a plan, by Ansible's rules."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from difflib import get_close_matches

from orchestrator.errors import InputError
from orchestrator.model.ids import StepName
from orchestrator.model.plan import Tags
from orchestrator.model.playbook import Playbook, Step

ALWAYS, NEVER = "always", "never"
SPECIAL = frozenset({ALWAYS, NEVER, "all", "tagged", "untagged"})
"""What may be asked for though no step has it."""


def choose(playbook: Playbook, wanted: Tags) -> tuple[Playbook, tuple[Step, ...]]:
    """The playbook without the steps that the tags leave out, and those.

    What belongs to the end of a host (`after_rollback`, `finally`) is chosen as though tagged `always`: a lock that a
    step has taken is given up, whichever steps were chosen. Handlers are chosen by those that call them.
    Raises InputError for a tag that no step has, and where no step is left.
    """
    every = (*playbook.steps, *playbook.after_rollback, *playbook.finally_)
    _check(wanted, {tag for step in every for tag in step.tags})
    out: list[Step] = [step for step in playbook.steps if not _runs(step.tags, wanted)]
    out += [
        step
        for step in (*playbook.after_rollback, *playbook.finally_)
        if not _runs((step.tags if NEVER in step.tags else (*step.tags, ALWAYS)), wanted, untagged=not step.tags)
    ]
    names = {step.name for step in out}
    chosen = replace(
        playbook,
        steps=_without(playbook.steps, names),
        after_rollback=_without(playbook.after_rollback, names),
        finally_=_without(playbook.finally_, names),
    )
    if not chosen.steps:
        problem = f"the tags leave none of the {len(playbook.steps)} steps of {playbook.file}"
        raise InputError.of(problem, fix="choose other tags; nothing was started")
    return chosen, tuple(out)


def _without(steps: Iterable[Step], names: Collection[StepName]) -> tuple[Step, ...]:
    return tuple(step for step in steps if step.name not in names)


def _runs(tags: Iterable[str], wanted: Tags, *, untagged: bool | None = None) -> bool:
    """Whether a step with these tags is chosen: what `ansible.playbook.taggable.Taggable.evaluate_tags` decides."""
    own = {*tags}
    is_tagged = bool(own) if untagged is None else not untagged
    only, skip = {*wanted.only} or {"all"}, {*wanted.skip}
    if "untagged" in only | skip and not is_tagged:
        own.add("untagged")
    chosen = (
        ALWAYS in own
        or ("all" in only and NEVER not in own)
        or bool(own & only)
        or ("tagged" in only and is_tagged and NEVER not in own)
    )
    if "all" in skip:
        return chosen and ALWAYS in own and ALWAYS not in skip
    return chosen and not own & skip and not ("tagged" in skip and is_tagged)


def _check(wanted: Tags, known: set[str]) -> None:
    """Raises InputError for a tag that no step has: what it was to do would not be done."""
    for option, tags in (("--tags", wanted.only), ("--skip-tags", wanted.skip)):
        for tag in tags:
            if tag in known | SPECIAL:
                continue
            near = get_close_matches(tag, sorted(known), n=3)
            fix = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(known)) or 'no tags'}"
            raise InputError.of(f"{option} {tag}: no step has this tag", fix=f"{fix}; nothing was started")
