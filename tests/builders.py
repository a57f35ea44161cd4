"""Plans for tests: so many hosts, steps as a playbook has them, waves and budgets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator import codec
from orchestrator.model.host import Host, ProviderSpec
from orchestrator.model.ids import HostName, StepName, Value, Vmid
from orchestrator.model.origin import Origin, Text
from orchestrator.model.plan import Command, HostPlan, Plan, Policy, Section, Slot, Template, Wave
from orchestrator.model.playbook import Body, Interrupted, Outcome, Retries
from orchestrator.model.rollout import RollbackScope


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One step of a plan to be built, as a playbook has it.

    run, rollback: what is run and what takes it back; `{host}` is the host's name. waits_for: registered results that
    the command (undo_waits_for: the rollback) needs. skipped_on: hosts on which `when` is false.
    """

    name: str
    run: str = "true"
    rollback: str | None = None
    undo_on: tuple[Outcome, ...] = (Outcome.FAILED, Outcome.TIMED_OUT)
    section: Section = Section.STEPS
    irreversible: bool = False
    timeout: float = 600.0
    attempts: int = 1
    when: str | None = None
    until: str | None = None
    failed_when: str | None = None
    register: str | None = None
    waits_for: tuple[str, ...] = ()
    undo_waits_for: tuple[str, ...] = ()
    cwd: str = ""
    user: str = ""
    background: bool = False
    plain: bool = False
    interrupted: Interrupted = Interrupted.FAIL
    env: tuple[tuple[str, str], ...] = ()
    skipped_on: tuple[str, ...] = ()


DEPLOY = (
    Rule(name="remember", run="git rev-parse HEAD", register="before", cwd="/srv/app"),
    Rule(
        name="pull",
        run="git fetch --tags origin && git checkout -q v2",
        rollback="git checkout -q {{ before.stdout }}",
        undo_waits_for=("before",),
        timeout=300,
        attempts=3,
        cwd="/srv/app",
    ),
    Rule(name="migrate", run="python migrations/run_migration.py", irreversible=True, cwd="/srv/app"),
    Rule(
        name="restart",
        run="systemctl restart app",
        rollback="systemctl restart app",
        undo_on=(Outcome.FAILED, Outcome.TIMED_OUT, Outcome.UNKNOWN),
        cwd="/srv/app",
    ),
    Rule(
        name="healthy",
        run="curl -fsS localhost:8000/health",
        attempts=3,
        until="result.stdout == 'ok'",
        cwd="/srv/app",
    ),
)
"""The steps of an everyday deployment."""


def host_names(count: int, prefix: str = "web-") -> tuple[HostName, ...]:
    """`web-001` and so on."""
    return tuple(HostName(f"{prefix}{number:03}") for number in range(1, count + 1))


def make_plan(
    hosts: int | Sequence[str] = 12,
    rules: Sequence[Rule] = DEPLOY,
    waves: Sequence[int] = (),
    *,
    wave_names: Sequence[str] = (),
    max_parallel: int = 50,
    max_failures: int = 0,
    max_unreachable: int = 0,
    rollback: RollbackScope = RollbackScope.HOST,
    params: Mapping[str, Value] | None = None,
) -> Plan:
    """A plan. waves: their sizes, which sum to the number of hosts; none given: one wave of all."""
    names = host_names(hosts) if isinstance(hosts, int) else tuple(HostName(name) for name in hosts)
    slots, sources = _slots(rules)
    cut = list(_cut(names, waves or (len(names),)))
    plan = Plan(
        playbook="deploy-web",
        file="playbooks/deploy.yml",
        inventory="inventories/prod.yml",
        provider=ProviderSpec(kind="hostup", url="http://127.0.0.1:8765", api_key="env:ORC_SIMULATOR_KEY"),
        tool="0.1.0",
        slots=slots,
        hosts=tuple(
            _host_plan(name, str(10_001 + names.index(name)), wave, sources)
            for wave, members in enumerate(cut)
            for name in members
        ),
        waves=tuple(
            Wave(index=i, name=wave_names[i] if i < len(wave_names) else "", hosts=members)
            for i, members in enumerate(cut)
        ),
        policy=Policy(
            max_parallel=max_parallel, max_failures=max_failures, max_unreachable=max_unreachable, rollback=rollback
        ),
        params={"release": "v2"} if params is None else params,
    )
    return replace(plan, digest=codec.digest(plan))


def _cut(names: Sequence[HostName], sizes: Sequence[int]) -> Iterator[tuple[HostName, ...]]:
    assert sum(sizes) == len(names), "the waves do not hold every host once"
    start = 0
    for size in sizes:
        yield tuple(names[start : start + size])
        start += size


def _slots(rules: Sequence[Rule]) -> tuple[tuple[Slot, ...], list[tuple[Rule, bool]]]:
    """The slots in a plan's order, and which rule each is from (True: its undo)."""
    steps = [(rule, False) for rule in rules if rule.section is Section.STEPS]
    undos = [(rule, True) for rule, _ in steps if rule.rollback is not None]
    rest = [
        (rule, False)
        for section in (Section.AFTER_ROLLBACK, Section.FINALLY)
        for rule in rules
        if rule.section is section
    ]
    sources = [*steps, *undos, *rest]
    index_of = {rule.name: index for index, (rule, _) in enumerate(steps)}
    return tuple(_slot(rule, undo, index_of) for rule, undo in sources), sources


def _slot(rule: Rule, undo: bool, index_of: Mapping[str, int]) -> Slot:
    command = (rule.rollback or "") if undo else rule.run
    return Slot(
        name=StepName(rule.name),
        section=Section.UNDO if undo else rule.section,
        template=Template(body=Body(kind="run", texts=(_text(command),))),
        timeout=rule.timeout,
        retries=Retries() if undo else Retries(attempts=rule.attempts),
        when=_text(rule.when) if rule.when and not undo else None,
        until=_text(rule.until) if rule.until and not undo else None,
        failed_when=_text(rule.failed_when) if rule.failed_when and not undo else None,
        register=None if undo else rule.register,
        irreversible=rule.irreversible and not undo,
        undo_of=index_of[rule.name] if undo else None,
        undo_on=rule.undo_on if undo else (),
        background=rule.background and not undo,
        interrupted=rule.interrupted,
        plain=rule.plain,
    )


def _text(source: str) -> Text:
    return Text(source=source, origin=Origin(file="playbooks/deploy.yml", line=1, column=1))


def _host_plan(name: HostName, vmid: str, wave: int, sources: Sequence[tuple[Rule, bool]]) -> HostPlan:
    def command(rule: Rule, undo: bool) -> Command:
        return Command(
            text=((rule.rollback or "") if undo else rule.run).replace("{host}", name),
            cwd=rule.cwd,
            user=rule.user,
            env=tuple((key, value.replace("{host}", name)) for key, value in rule.env),
            waits_for=rule.undo_waits_for if undo else rule.waits_for,
        )

    def when(rule: Rule, undo: bool) -> bool | None:
        if undo or not rule.when:
            return True
        return False if name in rule.skipped_on else True if rule.skipped_on else None

    return HostPlan(
        host=Host(name=name, vmid=Vmid(vmid)),
        wave=wave,
        commands=tuple(command(rule, undo) for rule, undo in sources),
        whens=tuple(when(rule, undo) for rule, undo in sources),
    )
