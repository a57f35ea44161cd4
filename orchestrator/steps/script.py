"""The step kind `script`: a file beside the playbook, run in the guest by the interpreter that it names."""

import re
import shlex

from orchestrator.model.origin import Text
from orchestrator.model.playbook import File
from orchestrator.steps.kind import FileUse, Locate, NeededFile, Render, StepKind, here_document

_SH = ("/bin/sh",)


def _read(value: object, locate: Locate) -> tuple[Text, ...]:
    if isinstance(value, str):
        _check_name(value)
        if len(value.split()) > 1:
            raise ValueError("must be the name of a file alone; with arguments write {file: NAME, args: [ARGUMENT]}")
        return (Text(source=value, origin=locate(())),)
    if not isinstance(value, dict) or "file" not in value or not value.keys() <= {"file", "args"}:
        raise ValueError("must be the name of a file, or a mapping with file and args")
    _check_name(value["file"])
    args = value.get("args", [])
    if not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
        raise ValueError("args must be a list of words; quote a number or a boolean")
    words = (Text(source=arg, origin=locate(("args", index))) for index, arg in enumerate(args))
    return Text(source=value["file"], origin=locate(("file",))), *words


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise ValueError("must be the name of a file, or a mapping with file and args")


def _needs(value: object) -> NeededFile | None:
    name, at = (value["file"], ("file",)) if isinstance(value, dict) else (str(value), ())
    return NeededFile(name=name, at=at, use=FileUse.SCRIPT)


def _command(texts: tuple[Text, ...], shell: Render, word: Render) -> str:
    name, *args = texts
    return shlex.join(["script", name.source, *map(word, args)])


# `head` gives it back without the newline that every here-document ends in. The directory is the user's own; a mount
# that forbids to execute what is there does not matter, since the interpreter only reads the file. TERM goes to the
# whole group: the script ends by it, or as it likes, and this shell outlives it to clear up and to tell how it ended.
_PROGRAM = """script(){{
_orc=$(mktemp -d)&&_orc=$_orc/${{1##*/}}||exit
head -c {size} >"$_orc" {document}
[ $? = 0 ]||exit
shift
trap : TERM
{interpreter} "$_orc" "$@"
set -- $?
rm -rf "${{_orc%/*}}"
exit $1
}}
{text}"""


def _program(text: str, file: File | None) -> str:
    if file is None:
        raise ValueError("a script without its file")
    return _PROGRAM.format(
        size=len(file.content),
        document=here_document(file.text),
        interpreter=shlex.join(_interpreter(file.text)),
        text=text,
    )


def _interpreter(script: str) -> tuple[str, ...]:
    """As the kernel reads the first line (execve(2)): after `#!` a program, and all that follows as one argument."""
    first, _, _ = script.partition("\n")
    words = re.split("[ \t]+", first.removeprefix("#!").strip(" \t"), maxsplit=1) if first.startswith("#!") else []
    return tuple(filter(None, words)) or _SH


SCRIPT = StepKind(
    name="script",
    help="A file beside the playbook that is run in the guest, by the interpreter that its first line names, or sh.",
    schema={
        "anyOf": [
            {"type": "string", "minLength": 1},
            {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {"type": "string", "minLength": 1, "description": "The script, relative to this file."},
                    "args": {
                        "type": "array",
                        "items": {"type": "string"},
                        "description": "Its arguments, one word each: no shell reads them.",
                    },
                },
            },
        ]
    },
    example={"file": "migrate.py", "args": ["--to", "{{ release }}"]},
    read=_read,
    command=_command,
    needs=_needs,
    program=_program,
)
