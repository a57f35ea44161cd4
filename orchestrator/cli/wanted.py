"""What a person wants planned, as typed: from options to a plan, to a command line and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator import codec
from orchestrator.cli.limits import read_limit
from orchestrator.core.waves import resolve_budget
from orchestrator.errors import InputError
from orchestrator.load import Settings
from orchestrator.load.quantities import read_share
from orchestrator.model.ids import HostName
from orchestrator.model.plan import Plan, Tags
from orchestrator.model.rollout import RollbackScope, Share
from orchestrator.selection import Selection, Sources, read_sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person wants planned, as they typed it."""

    playbook: Path
    inventory: Path | None = None
    limit: str | None = None
    extra_vars: Sequence[str] = ()
    tags: Sequence[str] = ()
    skip_tags: Sequence[str] = ()
    forks: int | None = None
    max_failures: str | None = None
    no_rollback: bool = False
    lists: Mapping[str, Sequence[HostName]] = field(default_factory=dict)

    def with_lists(self, settings: Settings) -> "Wanted":
        """The same, with the runs spelled out whose lists the limit names, and these read. Raises InputError."""
        limit, lists = read_limit(self.limit, settings)
        return replace(self, limit=limit, lists=lists)

    def sources(self, settings: Settings) -> Sources:
        """What the plan is made from. Raises InputError."""
        return read_sources(
            Selection(
                playbook=self.playbook,
                inventory=self.inventory,
                limit=self.limit,
                extra_vars=self.extra_vars,
                tags=Tags(only=_tags("--tags", self.tags), skip=_tags("--skip-tags", self.skip_tags)),
                lists=self.lists,
            ),
            settings,
        )

    def plan(self, settings: Settings) -> Plan:
        """The plan, with the rules that were typed in place of the playbook's. Raises InputError."""
        return self.plan_of(self.sources(settings))

    def plan_of(self, sources: Sources) -> Plan:
        """The plan of what was read, as `plan` makes it. Raises InputError."""
        budget = _share(self.max_failures) if self.max_failures is not None else None
        plan = sources.plan()
        policy = plan.policy
        if self.forks is not None:
            policy = replace(policy, max_parallel=self.forks)
        if budget is not None:
            policy = replace(policy, max_failures=resolve_budget(budget, len(plan.hosts)))
        if self.no_rollback:
            policy = replace(policy, rollback=RollbackScope.NONE)
        if policy == plan.policy:
            return plan
        changed = replace(plan, policy=policy)
        return replace(changed, digest=codec.digest(changed))

    def argv(self) -> tuple[str, ...]:
        """The command line that runs this. The limit stands as `-l PATTERN`, where reports find it to replace it."""
        words = ["orc", "run", path_word(self.playbook)]
        words += ["-i", str(self.inventory)] if self.inventory else []
        words += [word for each in self.extra_vars for word in ("-e", each)]
        words += ["--tags", ",".join(self.tags)] if self.tags else []
        words += ["--skip-tags", ",".join(self.skip_tags)] if self.skip_tags else []
        words += ["-f", str(self.forks)] if self.forks is not None else []
        words += ["--max-failures", self.max_failures] if self.max_failures is not None else []
        words += ["--no-rollback"] if self.no_rollback else []
        words += ["-l", self.limit] if self.limit is not None else []
        return tuple(words)


def path_word(path: Path) -> str:
    """A file as a word of a command line: never one that would be taken for an option."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def wanted_of(plan: Plan) -> Wanted:
    """What was wanted of a plan that no command line stands for: a program has made it.

    Of what it set besides what the playbook says, the number of hosts at once is kept, and that nothing is taken back.
    """
    params = {name: value for name, value in plan.params.items() if value is not None}
    return Wanted(
        playbook=Path(plan.file),
        extra_vars=(codec.canonical(params).decode(),) if params else (),
        tags=plan.tags.only,
        skip_tags=plan.tags.skip,
        forks=plan.policy.max_parallel,
        no_rollback=plan.policy.rollback is RollbackScope.NONE,
    )


def typed(argv: Sequence[str]) -> Wanted:
    """What was wanted by a command line of `orc run`: the way back from `Wanted.argv`."""
    words = iter(argv[2:])
    found: dict[str, str] = {"playbook": next(words, "")}
    extra_vars = []
    for word in words:
        if word == "--no-rollback":
            found[word] = word
        elif word == "-e":
            extra_vars.append(next(words))
        else:
            found[word] = next(words)
    return Wanted(
        playbook=Path(found["playbook"]),
        inventory=Path(found["-i"]) if "-i" in found else None,
        limit=found.get("-l"),
        extra_vars=tuple(extra_vars),
        tags=tuple(found["--tags"].split(",")) if "--tags" in found else (),
        skip_tags=tuple(found["--skip-tags"].split(",")) if "--skip-tags" in found else (),
        forks=int(found["-f"]) if "-f" in found else None,
        max_failures=found.get("--max-failures"),
        no_rollback="--no-rollback" in found,
    )


def _tags(option: str, typed: Sequence[str]) -> tuple[str, ...]:
    """The tags of an option: each once, as typed. Raises InputError for an empty one, which would mean every step."""
    tags = [tag.strip() for words in typed for tag in words.split(",")]
    if "" in tags:
        raise InputError.of(f"{option} has an empty tag", fix="write them with commas between; nothing was started")
    return tuple(dict.fromkeys(tags))


def _share(text: str) -> Share:
    try:
        return read_share(int(text) if text.isascii() and text.isdigit() else text)
    except ValueError as error:
        raise InputError.of(f"--max-failures {text}: {error}", fix="nothing was started") from None
