"""Rules about steps: whether they can be taken back, and what their keys come to."""

import re
from collections.abc import Iterator

from orchestrator.lint.finding import Check, Found, Rule, Severity
from orchestrator.lint.shell_text import CLOSES, Call
from orchestrator.lint.subject import Subject
from orchestrator.model.plan import Section
from orchestrator.model.playbook import RunOnce

UNDOABLE = Rule(
    id="cannot-be-undone",
    severity=Severity.WARNING,
    summary="A step that may change something has no rollback, and does not say that it can have none.",
    why="When a later step fails, its host is taken back to before the older steps, and what this one did stays.",
    fix="Give it a `rollback`, or `irreversible: true`; `changed_when: false` where it only looks. Not looked at: "
    "steps that register a result or wait `until` something is so, `wait_for`, and commands that are known "
    "to look only.",
)
ONCE = Rule(
    id="run-once-without-rollback",
    severity=Severity.WARNING,
    summary="A step that runs once for all hosts has no rollback, and does not say that it can have none.",
    why="What it does (a migration, as a rule) is what all hosts stand on, and no host that is taken back takes it "
    "back.",
    fix="Give it a `rollback`, or `irreversible: true`.",
)
ONE_TRY = Rule(
    id="until-without-retries",
    severity=Severity.NOTE,
    summary="`until` without `retries` is asked once.",
    why="It does not wait: while it is false the attempt has failed, and it was the only one.",
    fix="Write `retries: {attempts: 10, delay: 3s}`; or `failed_when`, which says what is meant.",
)

_LOOKING = frozenset(
    "test [ true : sleep ls cat head tail stat readlink realpath id whoami groups getent hostname uname uptime date df "
    "du free ps pgrep ss netstat lsof grep egrep cmp diff sha256sum md5sum wc which command type printf echo exit ping "
    "nc pg_isready nproc lsblk findmnt mountpoint sort uniq cut tr seq jq awk set cd "
    "basename dirname host dig nslookup for".split()
)
_SUBCOMMANDS = {
    "git": frozenset("fetch status log diff show describe rev-parse ls-files ls-remote blame".split()),
    "systemctl": frozenset("daemon-reload status show is-active is-enabled is-failed cat list-units".split()),
    "docker": frozenset("pull ps inspect logs images info version stats top".split()),
    "nginx": frozenset({"-t", "-T", "-v", "-V"}),
    "apt-get": frozenset({"check", "update"}),
    "kubectl": frozenset("get describe logs top status".split()),
    "redis-cli": frozenset("ping info".split()),
    "ufw": frozenset({"status"}),
    "gzip": frozenset({"-t", "-l"}),
    "gunzip": frozenset({"-t", "-l"}),
    "sshd": frozenset({"-t", "-T"}),
    "dpkg": frozenset({"-l", "-s", "-L", "-S"}),
    "journalctl": frozenset[str](),
}
_WRITES = re.compile(r"[0-9]*>[>|]?")
_SENDS = re.compile(r"-[a-zA-Z]*[XdFTOJ].*|--(?:request|data|form|upload|remote|json).*")


def _undoable(subject: Subject) -> Iterator[Found]:
    if _may_stay(subject) or subject.run_once:
        return
    yield Found(
        origin=subject.origin,
        path=subject.path,
        problem=f"nothing takes {subject.step!r} back",
        fix="give it a rollback, or irreversible: true; changed_when: false if it only looks",
    )


def _once(subject: Subject) -> Iterator[Found]:
    if _may_stay(subject) or not subject.run_once:
        return
    scope = "the run" if subject.run_once is RunOnce.RUN else "its wave"
    yield Found(
        origin=subject.origin,
        path=subject.path,
        problem=f"{subject.step!r} is run once for all of {scope}, and nothing takes it back",
        fix="give it a rollback, or irreversible: true",
    )


def _may_stay(subject: Subject) -> bool:
    """Whether nothing need be taken back, or there is something that does."""
    said = subject.undone or subject.irreversible or subject.looks or subject.registers or subject.until
    return said or subject.section is not Section.STEPS or subject.body.kind == "wait_for" or _only_looks(subject)


def _only_looks(subject: Subject) -> bool:
    return bool(subject.calls) and all(map(_looks, subject.calls))


def _looks(call: Call) -> bool:
    if any(_WRITES.fullmatch(word.text) for word in call.redirects if not _to_nowhere(call)):
        return False
    words = [word.plain for word in call.arguments()]
    if call.name == "curl":
        return not any(_SENDS.fullmatch(word) for word in words)
    if call.name in _SUBCOMMANDS:
        known = _SUBCOMMANDS[call.name]
        return not known or any(word in known for word in words[:3])
    return call.name in _LOOKING or call.name in CLOSES or (not call.words and call.assigns)


def _to_nowhere(call: Call) -> bool:
    return all(word.file in ("/dev/null", "1", "2") for word in call.redirects)


def _one_try(subject: Subject) -> Iterator[Found]:
    if subject.until and subject.attempts == 1:
        yield Found(
            origin=subject.origin,
            path=subject.path,
            problem=f"{subject.step!r} is tried once, so its until does not wait",
            fix="write retries: {attempts: 10, delay: 3s}",
        )


STEP_RULES: tuple[Check[Subject], ...] = (
    Check(rule=UNDOABLE, look=_undoable),
    Check(rule=ONCE, look=_once),
    Check(rule=ONE_TRY, look=_one_try),
)
