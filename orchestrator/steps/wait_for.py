"""The step kind `wait_for`: until a port is listened on, a path is there, a URL answers, or seconds have passed."""

import shlex
from collections.abc import Mapping

from orchestrator.model.origin import Text
from orchestrator.steps.kind import Locate, Render, StepKind

_MOST = {"port": 65_535, "seconds": 86_400}
_LEAST = {"port": 1, "seconds": 0}
_WANTED = ("port", "path", "url", "seconds")


def _read(value: object, locate: Locate) -> tuple[Text, ...]:
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= {*_WANTED}:
        raise ValueError(f"must be a mapping with one of {', '.join(_WANTED)}, such as {{port: 8000}}")
    ((what, wanted),) = value.items()
    if what in _MOST:
        _check_number(what, wanted)
    elif not isinstance(wanted, str) or not wanted.strip():
        raise ValueError(f"{what} must be text")
    elif what == "url" and "{{" not in wanted and not wanted.startswith(("http://", "https://")):
        raise ValueError("url must begin with http:// or https://")
    return Text(source=what, origin=locate(())), Text(source=str(wanted), origin=locate((what,)))


def _check_number(what: str, wanted: object) -> None:
    if isinstance(wanted, str) and "{{" in wanted:
        return
    if not isinstance(wanted, int) or isinstance(wanted, bool) or not _LEAST[what] <= wanted <= _MOST[what]:
        raise ValueError(f"{what} must be a whole number from {_LEAST[what]} to {_MOST[what]:,}, or a template of one")


_COMMANDS: Mapping[str, str] = {
    "seconds": "sleep {0}",
    "path": "until [ -e {0} ]; do sleep 1; done",
    # proc(5): `sl local_address rem_address st`, addresses in hexadecimal; 0A is LISTEN. No tool is needed for it.
    "port": "port=$(printf '%04X' {0}) || exit 2\n"
    'until grep -qsE "^ *[0-9]+: [0-9A-F]+:$port [0-9A-F]+:0000 0A " /proc/net/tcp /proc/net/tcp6; do sleep 1; done',
    "url": "url={0}\n"
    'if command -v curl >/dev/null; then until curl -fs -m 10 -o /dev/null -- "$url"; do sleep 1; done\n'
    'else until wget -q -T 10 -O /dev/null -- "$url"; do sleep 1; done; fi',
}


def _command(texts: tuple[Text, ...], shell: Render, word: Render) -> str:
    what, wanted = texts
    return _COMMANDS[what.source].format(shlex.quote(word(wanted)))


WAIT_FOR = StepKind(
    name="wait_for",
    help="Waits in the guest until a port is listened on, a path is there, a URL answers, or seconds have passed.",
    schema={
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": {
            "port": {"type": ["integer", "string"], "description": "A TCP port of the guest, 1 to 65535."},
            "path": {"type": "string", "minLength": 1, "description": "A file or a folder."},
            "url": {"type": "string", "minLength": 1, "description": "What curl or wget can fetch."},
            "seconds": {"type": ["integer", "string"], "description": "How long, whatever happens."},
        },
    },
    example={"port": 8000},
    read=_read,
    command=_command,
)
