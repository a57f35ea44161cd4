"""ShellCheck, where its program is there: over the shell text of playbooks, its findings placed in their YAML.

https://github.com/koalaman/shellcheck/wiki/Integration
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator.lint import Found, Severity, Warning, script, script_origin, warning
from orchestrator.lint.finding import Rule
from orchestrator.lint.texts import Manner, Written, texts_of
from orchestrator.model.playbook import Playbook

PATIENCE = 120
"""Seconds for all texts together."""

# 1090, 1091: other files. 2148: no first line. 2154, 2034: variables come from `env`. 2043 to 2194, and 2170: what
# is called constant there is a value here. The rest have a rule of ours.
_LEFT_OUT = (
    "SC1090,SC1091,SC2148,SC2154,SC2034,SC2043,SC2050,SC2078,SC2157,SC2170,SC2194,"
    "SC2164,SC3001,SC3010,SC3011,SC3014,SC3020,SC3046,SC3051"
)


def shellcheck(playbooks: Sequence[Playbook]) -> list[Warning]:
    """What it finds; nothing where it is not there."""
    program = shutil.which("shellcheck")
    written = {(each.text.origin, each.text.source): each for book in playbooks for each in texts_of(book)}
    texts = [each for each in written.values() if each.manner is Manner.SHELL]
    if program is None or not texts:
        return []
    with tempfile.TemporaryDirectory(prefix="orc-lint-") as folder:
        files = {f"{folder}/{number}.sh": text for number, text in enumerate(texts)}
        for name, each in files.items():
            Path(name).write_text(script(each.text.source), encoding="utf-8")
        words = [program, "--format=json1", "--shell=sh", f"--exclude={_LEFT_OUT}", *files]
        return list(_read(words, files))


def _read(words: Sequence[str], files: dict[str, Written]) -> Iterator[Warning]:
    try:
        done = subprocess.run(words, capture_output=True, check=False, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        comments = json.loads(done.stdout)["comments"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        sys.stderr.write(f"orc: shellcheck did not do its part ({type(error).__name__}); its findings are missing\n")
        return
    for comment in comments:
        each = files[comment["file"]]
        severity = Severity.WARNING if comment["level"] in ("error", "warning") else Severity.NOTE
        rule = Rule(id=f"SC{comment['code']}", severity=severity, summary="", why="", fix="")
        origin = script_origin(each.text, int(comment["line"]), int(comment["column"]))
        found = Found(origin=origin, path=each.path, problem=comment["message"])
        yield warning(rule, found)
