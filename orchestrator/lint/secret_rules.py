"""Rules about secrets that stand in files, of playbooks and of inventories."""

import re
from collections.abc import Iterable, Iterator

from orchestrator.lint.finding import Check, Found, Rule, Severity
from orchestrator.lint.name_rules import Book
from orchestrator.lint.shell_text import VALUE, stand_in
from orchestrator.lint.texts import texts_of
from orchestrator.model.host import Inventory, Variable
from orchestrator.model.origin import Origin
from orchestrator.template.error import origin_at

SECRET = Rule(
    id="secret-in-command",
    severity=Severity.WARNING,
    summary="A password, a token or a key stands in a command or its environment.",
    why="It is in the repository, in every plan and in the journal; the provider and the guest's agent log each "
    "command, and `ps` shows it on the VPS.",
    fix="Keep it in a file on the VPS, and let the command read that: `--password-file /etc/app/password`.",
)
SECRET_VAR = Rule(
    id="secret-in-vars",
    severity=Severity.WARNING,
    summary="A variable that is called like a secret has its value in the file.",
    why="It is in the repository, and what uses it brings it into commands, plans and the journal.",
    fix="Keep it in a file on the VPS that the command reads, and let the variable name that file: "
    "`password_file: ...`.",
)
EMPTY_GROUP = Rule(
    id="empty-group",
    severity=Severity.WARNING,
    summary="A group of an inventory has no hosts.",
    why="A pattern that is this group alone matches nothing, which is an error.",
    fix="Give it hosts or children, or remove it.",
)

_NAMED = r"(?:[\w-]{0,40}(?:passw(?:or)?d|passphrase|secret|token|api[-_]?key|access[-_]?key)[\w-]{0,40})"
_VALUE = rf"(?![\"']?[${VALUE}<(/.])[^\s\"']{{4,}}"
_SECRETS = (
    re.compile(rf"--{_NAMED}(?<!-file)[= ][\"']?({_VALUE})", re.IGNORECASE),
    re.compile(rf"\b{_NAMED}(?<!_file)(?<!_FILE)=[\"']?({_VALUE})", re.IGNORECASE),
    re.compile(rf"://[^/\s:@{VALUE}]{{0,80}}:([^@\s/${VALUE}]{{1,200}})@"),
    re.compile(r"\bBearer ([A-Za-z0-9._~+/-]{12,})"),
    re.compile(r"\b((?:AKIA|ASIA)[0-9A-Z]{16})\b"),
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)"),
)
_CALLED_SO = re.compile(_NAMED, re.IGNORECASE)
_NOT_ITSELF = re.compile(r".*(?:_file|_path|_dir|_name|_url|_id|_length|_ttl)", re.IGNORECASE)
_REFERENCE = re.compile(r"(?:env|file|cmd|age):|[/~.]")


def is_called_like_a_secret(name: str) -> bool:
    """Whether a variable of this name is taken for a secret: `db_password`, not `password_file`."""
    return _CALLED_SO.fullmatch(name) is not None and not _NOT_ITSELF.fullmatch(name)


def secrets_in(text: str) -> Iterator[int]:
    """Where secrets begin in a text of a command, in which VALUE stands for each character of a value."""
    return (found.start(1) for secret in _SECRETS if (found := secret.search(text)))


def _in_commands(book: Book) -> Iterator[Found]:
    for written in texts_of(book.playbook):
        if written.path.startswith("vars."):
            continue
        text = stand_in(written.text.source, VALUE)
        name = written.path.rpartition(".env.")[2] if ".env." in f".{written.path}" else ""
        at = next(secrets_in(text), None)
        if at is None and is_called_like_a_secret(name) and _is_literal(text):
            at = 0
        if at is not None:
            yield Found(
                origin=origin_at(written.text, at),
                path=written.path,
                problem="a secret stands in the file, and goes to the provider and into the journal",
                fix="let the command read it from a file on the VPS",
            )


def _in_vars(variables: Iterable[tuple[str, Variable]]) -> Iterator[Found]:
    for name, variable in variables:
        if is_called_like_a_secret(name) and isinstance(variable.value, str) and _is_literal(variable.value):
            yield Found(
                origin=variable.origin,
                path=name,
                problem=f"{name} has its value in the file",
                fix="let it name a file on the VPS that the command reads",
            )


def _is_literal(value: str) -> bool:
    return bool(value) and VALUE not in value and "{{" not in value and not _REFERENCE.match(value)


def _in_book(book: Book) -> Iterator[Found]:
    yield from _in_vars(book.playbook.variables.items())


def _in_inventory(inventory: Inventory) -> Iterator[Found]:
    every = (pair for each in inventory.hosts for pair in each.variables.items())
    yield from _in_vars({(name, each.origin): (name, each) for name, each in every}.values())


def _empty_groups(inventory: Inventory) -> Iterator[Found]:
    for name, members in inventory.groups.items():
        if not members:
            problem = f"the group {name} has no hosts"
            origin = Origin(file=inventory.file)
            yield Found(origin=origin, path=f"groups.{name}", problem=problem, fix="give it some, or remove it")


SECRET_RULES: tuple[Check[Book], ...] = (
    Check(rule=SECRET, look=_in_commands),
    Check(rule=SECRET_VAR, look=_in_book),
)
INVENTORY_RULES: tuple[Check[Inventory], ...] = (
    Check(rule=SECRET_VAR, look=_in_inventory),
    Check(rule=EMPTY_GROUP, look=_empty_groups),
)
