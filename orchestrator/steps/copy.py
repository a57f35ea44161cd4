"""The step kind `copy`: puts a file into the guest, whole or not at all, and says whether that has changed anything."""

import re
import shlex

from orchestrator.model.near import did_you_mean_one_of
from orchestrator.model.origin import Text
from orchestrator.model.playbook import File
from orchestrator.steps.kind import FileUse, Locate, NeededFile, Render, StepKind, here_document

_SOURCES = ("src", "content", "template")
_KEYS = (*_SOURCES, "dest", "mode", "owner")
_MODE = re.compile(r"[0-7]{3,4}")
_OWNER = re.compile(r"[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+)?")
_INLINE = "-"
"""What stands in a plan in place of a file's name where the content was written or rendered."""
_PIECE = 4096
"""Bytes of a binary file that one `printf` gives: where that is a program of its own, its words are bounded."""


def _read(value: object, locate: Locate) -> tuple[Text, ...]:
    if not isinstance(value, dict):
        raise ValueError("must be a mapping, such as {src: app.conf, dest: /etc/app.conf, mode: '0644'}")
    if strange := [key for key in value if key not in _KEYS]:
        near = did_you_mean_one_of(str(strange[0]), _KEYS)
        raise ValueError(f"has no key {strange[0]}" + (f"; {near}" if near else f"; it has {', '.join(_KEYS)}"))
    for key, each in value.items():
        if not isinstance(each, str):
            quote = "; quote it, such as '0644'" if key == "mode" else ""
            raise ValueError(f"{key} must be text{quote}")
    sources = [key for key in _SOURCES if key in value]
    if len(sources) != 1:
        raise ValueError("must have exactly one of src, content and template")
    if not value.get("dest", "").strip() or value["dest"].endswith("/"):
        raise ValueError("dest must be the whole name that the file has in the guest")
    _check(value, "mode", _MODE, "three or four octal digits, such as '0644'")
    _check(value, "owner", _OWNER, "a user, or a user and a group, such as app:app")
    name = value[sources[0]] if sources[0] == "src" else _INLINE
    texts = [Text(source=name, origin=locate(())), Text(source=value["dest"], origin=locate(("dest",)))]
    for key in ("mode", "owner"):
        texts.append(Text(source=value.get(key, ""), origin=locate((key,) if key in value else ())))
    if "content" in value:
        texts.append(Text(source=value["content"], origin=locate(("content",))))
    return tuple(texts)


def _check(value: dict[str, str], key: str, pattern: re.Pattern[str], wanted: str) -> None:
    """A template's value is checked in the guest."""
    if key in value and "{{" not in value[key] and "{%" not in value[key] and not pattern.fullmatch(value[key]):
        raise ValueError(f"{key} must be {wanted}")


def _needs(value: object) -> NeededFile | None:
    if isinstance(value, dict) and "src" in value:
        return NeededFile(name=value["src"], at=("src",), use=FileUse.BYTES)
    if isinstance(value, dict) and "template" in value:
        return NeededFile(name=value["template"], at=("template",), use=FileUse.TEMPLATE)
    return None


def _command(texts: tuple[Text, ...], shell: Render, word: Render) -> str:
    name, dest, mode, owner, *content = texts
    words = ["copy", name.source, word(dest)]
    words += [f"mode={word(mode)}"] if mode.source else []
    words += [f"owner={word(owner)}"] if owner.source else []
    command = shlex.join(words)
    return f"{command} {here_document(word(content[0]))}" if content else command


# Nothing in it runs what a playbook's author wrote, so it may have variables. `d` always has a slash, and begins with
# no dash. A file that is there keeps its owner and mode where the step names none. `dd` since it can have the content
# on the disk before the name is: after a power cut there is the old file or the new one. The six X are for mktemp,
# which makes a name of them that nobody else has.
_PROGRAM = """new(){{
{new}
}}
no(){{ echo "nothing was changed: $*">&2;exit 1;}}
take(){{ new=$(cat;echo .);new=${{new%??}};}}
copy(){{
{take}
d=$2 m= o=;shift 2
for x;do case $x in mode=*)m=${{x#*=}};;owner=*)o=${{x#*=}};;esac;done
case $m in *[!0-7]*|?????*)no "the mode $m is not three or four octal digits";;esac
while :;do case $m in 0?*)m=${{m#0}};;*)break;;esac;done
case $d in ''|*/)no "dest is not the name of a file: $d";;'~/'*)d=$HOME${{d#?}};;/*);;*)d=./$d;;esac
[ ! -L "$d" ]||{{ d=$(readlink -f "$d"&&echo .)&&d=${{d%??}}||no "the link at dest leads nowhere";}}
[ ! -e "$d" ]||[ -f "$d" ]||no "$d is there, and is no file"
[ -d "${{d%/*}}/" ]||no "there is no folder ${{d%/*}}"
h=$(new|sha256sum)
if [ -f "$d" ]&&[ "$(sha256sum 2>/dev/null <"$d")" = "$h" ];then
c=unchanged
owned||{{ chown -- "$o" "$d"||exit;c=changed;}}
[ -z "$m" ]||[ "$(stat -c %a "$d")" = "$m" ]||{{ chmod "$m" "$d"||exit;c=changed;}}
echo $c;return
fi
t=$(mktemp "${{d%/*}}/.orc-XXXXXX")||no "no file can be made in the folder ${{d%/*}}"
trap 'rm -f "$t"' EXIT;trap 'exit 143' TERM
new|dd of="$t" conv=fsync 2>/dev/null
[ "$(sha256sum <"$t")" = "$h" ]||no "the file could not be written whole (disk full?)"
if [ -f "$d" ];then c=changed
chown "$(stat -c %u:%g "$d")" "$t"&&chmod "$(stat -c %a "$d")" "$t"||no "owner and mode of $d cannot be kept"
else c=created;chmod 644 "$t"||exit;fi
[ -z "$o" ]||chown -- "$o" "$t"||no "the owner cannot be set"
[ -z "$m" ]||chmod "$m" "$t"||no "the mode cannot be set"
mv -f "$t" "$d"||no "the file could not be put in place"
echo $c
}}
owned(){{
[ "$o" ]||return 0
set -- "${{o%%:*}}" "${{o#*:}}" $(stat -c '%U %u %G %g' "$d")
case $o in *:*);;*)set -- "$1" "$5" "$3" "$4" "$5" "$6";;esac
case $1 in "$3"|"$4")case $2 in "$5"|"$6");;*)return 1;;esac;;*)return 1;;esac
}}
{text}"""

_KEPT = 'printf %s "$new"'


def _program(text: str, file: File | None) -> str:
    if file is None:
        return _PROGRAM.format(new=_KEPT, take="take", text=text)
    if file.binary:
        return _PROGRAM.format(new="\n".join(_printed(file.content) or (":",)), take=":", text=text)
    return _PROGRAM.format(new=_KEPT, take="take", text=f"{text} {here_document(file.text)}")


def _printed(content: bytes) -> list[str]:
    """Commands that print these bytes: a POSIX `printf` takes octal escapes, and is there where base64 is not."""
    pieces = (content[at : at + _PIECE] for at in range(0, len(content), _PIECE))
    return ["printf '" + "".join(map(_escaped, piece)) + "'" for piece in pieces]


def _escaped(byte: int) -> str:
    plain = chr(byte).isascii() and chr(byte).isalnum()
    return chr(byte) if plain or chr(byte) in " ./:;,_=+<>()[]{}" else f"\\{byte:03o}"


COPY = StepKind(
    name="copy",
    help="Puts a file into the guest, whole or not at all: one beside the playbook, a text, or a rendered template.",
    schema={
        "type": "object",
        "required": ["dest"],
        "oneOf": [{"required": [source]} for source in _SOURCES],
        "additionalProperties": False,
        "properties": {
            "src": {"type": "string", "minLength": 1, "description": "A file, relative to this one, as it is."},
            "content": {"type": "string", "description": "A text; values are put in as they are."},
            "template": {"type": "string", "minLength": 1, "description": "A file with a text, as for content."},
            "dest": {"type": "string", "minLength": 1, "description": "The whole name of the file in the guest."},
            "mode": {"type": "string", "minLength": 1, "description": "Octal, in quotes; 0644 for a new file."},
            "owner": {"type": "string", "minLength": 1, "description": "USER, or USER:GROUP."},
        },
    },
    example={"template": "app.conf.j2", "dest": "/etc/app.conf", "mode": "0644"},
    read=_read,
    command=_command,
    needs=_needs,
    program=_program,
    unchanged="unchanged",
)
