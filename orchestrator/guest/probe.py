"""The program that looks at a guest before a run, and the reading of what it says: nothing is written, nothing begun.

It needs no library and keeps nothing. It holds no here-document, which some shells keep in a file: texts are quoted.
Guards are looked at as an attempt would look at them (`guest.library`, `guest.program`): as the command's user, in its
folder, with its environment, the first that says no being the last that is asked; but each within `GUARD_TIMEOUT`.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from orchestrator.guest import library
from orchestrator.guest.program import DEFAULT_STATE, before, looked
from orchestrator.model.plan import Command
from orchestrator.model.playbook import Guard

GUARD_TIMEOUT = 5
"""Seconds after which a guard is killed: somebody waits for the plan."""
FACTS_TIMEOUT = 30.0
"""Seconds for all else that is asked."""
MOST_READ = 65536
"""Characters of an answer that are read: far more than a program can print that fits into a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder that a command is to run in, relative to the HOME of its user ('': the agent's own)."""

    user: str
    cwd: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a guest is asked.

    hostname: what it must call itself, or no user, folder or guard is looked at; None for anything.
    guarded: the commands whose guards are looked at, by the index of their slot.
    """

    hostname: str | None = None
    users: tuple[str, ...] = ()
    folders: tuple[Folder, ...] = ()
    guarded: Mapping[int, Command] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One program. guards: how many it holds; they are text of the playbook's author, all else is ours."""

    body: str
    guards: int

    @property
    def within(self) -> float:
        """Seconds that it may take in the guest."""
        return FACTS_TIMEOUT + self.guards * (GUARD_TIMEOUT + 1)

    def text(self, nonce: str) -> str:
        """The program, whose last line is the trailer that an attempt's reply has (`guest.reply`)."""
        return f"{self.body}\necho;echo {nonce} 1 exited 0 0 0 - - - -"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a guest said; nothing in it is trusted beyond its form.

    hostname, shell: '' where it did not tell; shell: the program that `sh` is there. other_host: it has another
    hostname than declared. free: bytes where STATE is, or would be. users, folders: whether they are there.
    guards: by slot and guard, the exit status; what was not asked, or not answered, is missing.
    """

    hostname: str = ""
    other_host: bool = False
    shell: str = ""
    systemd: bool = False
    library: bool = False
    setsid: bool = False
    writable: bool = False
    free: int | None = None
    users: Mapping[str, bool] = field(default_factory=dict)
    folders: Mapping[Folder, bool] = field(default_factory=dict)
    guards: Mapping[tuple[int, Guard], int] = field(default_factory=dict)

    def and_(self, more: "Answers") -> "Answers":
        """All of it, where `more` is what a later part said, which asks for no facts."""
        return replace(
            self,
            other_host=self.other_host or more.other_host,
            users={**self.users, **more.users},
            folders={**self.folders, **more.folders},
            guards={**self.guards, **more.guards},
        )


# HOME, LANG and PATH as the library's runner has them. a: one line of the answer.
_SETUP = """set -f;a(){ echo "$*";}
export HOME="${HOME:-/root}" LANG="${LANG:-C.UTF-8}" PATH="$PATH:/usr/local/bin:/usr/sbin:/sbin"
"""

# The shell is told by the file that runs it (proc(5)); `:` keeps it from becoming readlink. STATE may not be there yet:
# then it is the nearest folder above.
_FACTS = """s=${ORC_STATE:-@STATE@};a host $(hostname)
a sh $(sh -c 'readlink /proc/$$/exe;:' 2>/dev/null)
[ -d /run/systemd/system ]&&a systemd
[ -f "$s/@LIBRARY@" ]&&a library
command -v setsid>/dev/null&&a setsid
until [ -d "${s:-/}" ]||[ "$s" = "${s%/*}" ];do s=${s%/*};done;s=${s:-/}
[ -w "$s" ]&&a writable
a free $(df -Pk "$s" 2>/dev/null|tail -n 1)
"""

_FOLDER = """c(){ ([ -z "$2" ]||HOME=$(eval "echo ~$2");cd||cd /;eval "$3")>/dev/null 2>&1;a folder $1 $?;}
"""

# k: SLOT GUARD 0|1 USER TEXT BEFORE: look at a guard, and succeed where the next one is to be looked at. It has a
# session of its own, to be killed as a whole. J: USER TEXT BEFORE, as words: the command's own variables are set there.
_GUARD = """J='[ -z "$1" ]||{ HOME=$(eval "echo ~$1") USER=$1 LOGNAME=$1;export HOME USER LOGNAME;};cd||cd /
eval "$3";[ "$1" ]&&[ "$1" != "$(id -un)" ]||exec sh -c "$2"
! command -v runuser>/dev/null||exec runuser -u "$1" -- sh -c "$2"
! command -v sudo>/dev/null||exec sudo -nEu "$1" -- sh -c "$2"
exec su -s /bin/sh "$1" -c "$2"'
k(){ setsid sh -c "$J" sh "$4" "$5" "$6">/dev/null 2>&1 </dev/null&
p=$!;(exec>/dev/null 2>&1;i=0;while kill -0 $p;do [ $i -lt @TIMEOUT@ ]||kill -KILL -$p;i=$((i+1));sleep 1;done)&
v=$!;wait $p;r=$?;kill $v;a guard $1 $2 $r;[ $r -le 128 ]&&[ $((r>0)) != $3 ];}
"""


def write(look: Look, *, limit: int) -> tuple[Part, ...]:
    """The programs that ask all of this, in order, each within `limit` characters (with a nonce of 32).

    Guards that no request has room for, or that hold a NUL, are left out.
    """
    room = limit - len(Part(body="", guards=0).text("n" * 32))
    parts: list[Part] = []
    facts = _FACTS.replace("@STATE@", DEFAULT_STATE).replace("@LIBRARY@", library.name())
    lines: list[_Line] = []
    for line in _lines(look):
        if len(_body(look, "", [line])) > room:
            continue
        if len(_body(look, facts, [*lines, line])) > room:
            parts.append(_part(look, facts, lines))
            facts, lines = "", []
        lines.append(line)
    return (*parts, _part(look, facts, lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One question. needs: the function that it calls. before: what comes before its guards."""

    text: str
    needs: str = ""
    before: str = ""
    guards: int = 0


def _lines(look: Look) -> Iterator[_Line]:
    for user in look.users:
        yield _Line(text=f"id -u {user}>/dev/null 2>&1;a user {user} $?")
    for index, folder in enumerate(look.folders):
        enter = "\n".join(before(Command(text="", cwd=folder.cwd)))
        yield _Line(text=f"c {index} {shlex.quote(folder.user)} {shlex.quote(enter)}", needs=_FOLDER)
    for slot, command in look.guarded.items():
        if any("\0" in text for _, text in command.guards):
            continue
        asked = (
            f"k {slot} {guard.value} {int(guard is Guard.ONLY_IF)} {shlex.quote(command.user)} "
            f'{shlex.quote(looked(guard, text))} "$E"'
            for guard, text in command.guards
        )
        around = "\n".join(before(command, otherwise="exit 255"))
        needs = _GUARD.replace("@TIMEOUT@", str(GUARD_TIMEOUT))
        yield _Line(text="&&".join(asked), needs=needs, before=around, guards=len(command.guards))


def _part(look: Look, facts: str, lines: list[_Line]) -> Part:
    return Part(body=_body(look, facts, lines), guards=sum(each.guards for each in lines))


def _body(look: Look, facts: str, lines: list[_Line]) -> str:
    text = _SETUP + facts + "".join(dict.fromkeys(line.needs for line in lines))
    around: str | None = None
    said = []
    for line in lines:
        if line.guards and line.before != around:
            around = line.before
            said.append(f"E={shlex.quote(around)}")
        said.append(line.text)
    if look.hostname is None:
        return text + "\n".join(said)
    name = shlex.quote(look.hostname)
    asked = "\n".join([f'case " $(hostname) $(hostname -f 2>/dev/null) " in *" "{name}" "*)', *said])
    return f"{text}{asked}\n;;*)a other;;esac"


_FREE = re.compile(r"\S.* [0-9]+ [0-9]+ ([0-9]{1,15}) (?:[0-9]+%|-) /.*")
"""The last line of `df -P` (POSIX): file system, blocks of 1,024 bytes, used, available, per cent, where."""
_STATUS = re.compile(r"[0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5]")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,31}")


def read(text: str, look: Look) -> Answers:
    """What one program's output says; lines that are in no due form, or answer what was not asked, say nothing."""
    words: dict[str, str] = {}
    users: dict[str, bool] = {}
    folders: dict[Folder, bool] = {}
    guards: dict[tuple[int, Guard], int] = {}
    places = {str(index): folder for index, folder in enumerate(look.folders)}
    asked = {(str(slot), guard.value): guard for slot, each in look.guarded.items() for guard, _ in each.guards}
    for line in text[:MOST_READ].split("\n"):
        key, _, rest = line.partition(" ")
        said = rest.split(" ")
        match key, said:
            case "user", [str(name), status] if name in look.users and _STATUS.fullmatch(status):
                users[name] = status == "0"
            case "folder", [index, status] if index in places and _STATUS.fullmatch(status):
                folders[places[index]] = status == "0"
            case "guard", [slot, name, status] if (slot, name) in asked and _STATUS.fullmatch(status):
                guards[int(slot), asked[slot, name]] = int(status)
            case _:
                words.setdefault(key, rest)
    shell = words.get("sh", "").rpartition("/")[2].removesuffix(" (deleted)")
    free = _FREE.fullmatch(words.get("free", ""))
    return Answers(
        hostname=words.get("host", "")[:256],
        other_host="other" in words,
        shell=shell if _WORD.fullmatch(shell) else "",
        systemd="systemd" in words,
        library="library" in words,
        setsid="setsid" in words,
        writable="writable" in words,
        free=int(free[1]) * 1024 if free else None,
        users=users,
        folders=folders,
        guards=guards,
    )
