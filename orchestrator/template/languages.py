"""What a person should know of a value that another program than a shell takes for more than data.

A value in a program of awk, sed or SQL is one word for the shell all the same, so none of this is refused.
"""

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.template.commands import VALUE, Command, Finding, Word, name_of, operands, start
from orchestrator.template.rereads import WRAPPERS

_FIRST = frozenset("awk gawk mawk nawk sed gsed jq yq".split())
"""Their program is the first argument that is no option, or what follows -e."""
_TAKING = frozenset("-F -v -l".split())
_AFTER: Mapping[str, tuple[str, ...]] = {
    "perl": ("-e", "-E", "-ne", "-pe"),
    "python": ("-c",),
    "python3": ("-c",),
    "ruby": ("-e",),
    "node": ("-e", "--eval", "-p"),
    "php": ("-r",),
    "lua": ("-e",),
    "psql": ("-c", "--command"),
    "mysql": ("-e", "--execute"),
    "mariadb": ("-e", "--execute"),
    "mongosh": ("--eval",),
    "sed": ("-e", "--expression"),
    "gsed": ("-e",),
    "awk": ("-e",),
    "gawk": ("-e",),
}
"""The options whose argument is a program."""
_SQLITE = frozenset("sqlite3 bc dc redis-cli".split())
_INSTEAD: Mapping[str, str] = {
    "awk": "awk -v name={{ value }}, or ENVIRON",
    "gawk": "gawk -v name={{ value }}, or ENVIRON",
    "jq": "jq --arg name {{ value }}",
    "psql": "psql -v name={{ value }}, and :'name' in the SQL",
    "make": "an environment variable",
}
RUN_CODE = frozenset(
    "sh bash dash ash ksh mksh zsh ssh scp sftp rsync tar git find xargs env sudo su runuser doas watch flock script"
    " zip parallel tmux vim vi less man perl python python3 ruby node php awk gawk sed psql mysql sqlite3 nsenter"
    " docker podman kubectl make time nice timeout systemd-run curl wget gpg openssl ip tcpdump ssh-keygen mail".split()
)
"""Programs that have an option which runs, reads or writes what it is told."""
_OWN_TEXT = frozenset("printf [ [[ test for case echo select".split())
"""They take no word after the first for an option that matters."""


def findings(command: Command) -> Iterator[Finding]:
    """The values that are more than data for the program that gets them."""
    words = command.words[start(command.words) :]
    if not words:
        return
    name = name_of(words[0])
    if name in WRAPPERS:
        at = next((at for at, word in enumerate(words) if name_of(word) in (*_FIRST, *_AFTER, *_SQLITE)), 0)
        words, name = words[at:], name_of(words[at])
    for word in _programs(name, words):
        yield from (Finding(value=value, remark=_in_program(name)) for value in word.values)
    if name in (*_AFTER, *_SQLITE):
        yield from (Finding(value=value, remark=_in_program(name)) for doc in command.documents for value in doc.values)
    for word in words[1:]:
        host, _, path = word.text.partition(":")
        if name in ("scp", "rsync") and VALUE in path and "/" not in host:
            remark = f"before OpenSSH 9 and rsync 3.2.4, {name} has the other machine's shell read this path again"
            yield from (Finding(value=value, remark=remark) for value in word.values)
        elif name == "make" and "=" in word.text:
            remark = "make expands $(...) in it, and puts it into its commands; use an environment variable"
            yield from (Finding(value=value, remark=remark) for value in word.values)
    if name == "printf":
        form = next(operands(words), None)
        values = form[1].values if form else []
        remark = "printf reads % and \\ in its format; write printf '%s\\n' {{ value }}"
        yield from (Finding(value=value, remark=remark) for value in values)


def _programs(name: str, words: Sequence[Word]) -> Iterator[Word]:
    """The words that are programs of the program's own language."""
    after = {at + 1 for at, word in enumerate(words) if word.text in _AFTER.get(name, ())}
    file = any(word.text in ("-f", "--file") for word in words)
    named = {at + each for at, word in enumerate(words) if word.text.startswith("--arg") for each in (1, 2)}
    found = [] if after or file else [at for at, _ in operands(words, _TAKING) if at not in named]
    if name in _FIRST:
        after |= {*found[:1]}
    elif name in _SQLITE:
        after |= {*found[name == "sqlite3" :]}
    yield from (words[at] for at in sorted(after) if at < len(words))


def _in_program(name: str) -> str:
    instead = f"; write {_INSTEAD[name]}" if name in _INSTEAD else ""
    return f"it is part of a program that {name} reads, and is not escaped for that{instead}"


def reader(words: Sequence[Word], at: int) -> str:
    """The program that could take the word at this index for an option; '' where none could."""
    first = start(words)
    if at <= first or name_of(words[first]) in _OWN_TEXT:
        return ""
    if any(word.text == "--" for word in words[first + 1 : at]):
        return ""
    return name_of(words[first])
