"""`orc lint`: what it reads, how it tells it, its exit status, and what it mends."""

import contextlib
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.cli.main import run
from orchestrator.lint import RULES

PLAYBOOK = """
name: a
hosts: all
params: {release: {pattern: 'v[0-9]+'}}
steps:
  - include: common/steps.yml
  - {name: go, run: './go {{ release }} {{ port }}', rollback: ./back}
"""
STEPS = "- {name: dump, run: ./dump | gzip > dump.gz, irreversible: true}\n"
INVENTORY = "vars: {port: 80}\nhosts: {web-1: {vmid: 1}}\n"


def orc(*words: str) -> "subprocess.CompletedProcess[str]":
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(["lint", *words])
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "playbooks/a.yml": PLAYBOOK,
        "playbooks/common/steps.yml": STEPS,
        "inventories/i.yml": INVENTORY,
        "inventories/group_vars/all.yml": "region: se\n",
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    return tmp_path


def rules(done: "subprocess.CompletedProcess[str]") -> list[str]:
    return re.findall(r"\[([\w-]+)\]$", done.stdout, re.MULTILINE)


def test_the_projects_files_are_read_and_those_that_they_include(project: Path) -> None:
    done = orc("--no-shellcheck")

    assert done.stdout.splitlines() == [
        "playbooks/common/steps.yml:1:28: warning: [0]: if dump fails here, the step is ok all the same, "
        "write its output to a file first, or run this by bash with pipefail [pipe-without-pipefail]",
        "   | - {name: dump, run: ./dump | gzip > dump.gz, irreversible: true}",
        "   |                            ^",
        "2 files: 1 warning",
    ]
    assert (done.returncode, done.stderr) == (2, "")


def test_notes_are_exit_status_0_and_so_is_nothing(project: Path) -> None:
    Path("playbooks/common/steps.yml").write_text("- {run: 'true', until: \"result.stdout == ''\"}\n")
    assert (orc().returncode, rules(orc())) == (0, ["until-without-retries"])

    Path("playbooks/common/steps.yml").write_text("- {run: 'true'}\n")
    assert (orc().returncode, orc().stdout) == (0, "2 files: nothing found\n")


def test_nothing_is_found_in_the_files_of_this_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])

    assert orc("--no-shellcheck").stdout == "5 files: nothing found\n"


def test_settings_can_be_named_like_any_file(project: Path) -> None:
    Path("orchestrator.toml").write_text('log = "text"\n')
    assert orc("orchestrator.toml").stdout == "1 file: nothing found\n"

    Path("orchestrator.toml").write_text("log = text\n")
    assert orc("orchestrator.toml").stdout.startswith("orchestrator.toml:1:7: error: is not TOML")


def test_every_mistake_of_every_file_is_told_at_once(project: Path) -> None:
    Path("orchestrator.toml").write_text('logg = "text"\n')
    Path("playbooks/b.yml").write_text("hosts: all\nsteps: [{run: x, tiemout: 5}]\nrolout: {}\n")
    Path("inventories/j.yml").write_text("hosts: {a: {vmid: x}}\n")

    done = orc()

    errors = re.findall(r"^(\S+): error", done.stdout, re.MULTILINE)
    assert errors == ["playbooks/b.yml:2:18", "playbooks/b.yml:3:1", "inventories/j.yml:1:19", "orchestrator.toml:1:1"]
    assert done.returncode == 2


def test_a_name_of_no_inventory_is_an_error_and_alone_a_playbook_is_not_blamed_for_it(project: Path) -> None:
    Path("inventories/i.yml").write_text(INVENTORY.replace("port", "prot"))

    assert rules(orc("playbooks", "inventories", "--no-shellcheck")) == ["undefined-name", "pipe-without-pipefail"]
    assert rules(orc("playbooks/a.yml", "--no-shellcheck")) == ["pipe-without-pipefail"]


def test_a_comment_in_an_included_file_ignores_what_is_found_there(project: Path) -> None:
    text = f"# orc: ignore[pipe-without-pipefail] gzip is the one that fails\n{STEPS}"
    Path("playbooks/common/steps.yml").write_text(text)

    assert (orc().returncode, orc().stdout) == (0, "2 files: nothing found\n")


def test_without_anything_to_read_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert (orc().returncode, "orc init" in orc().stderr) == (2, True)
    assert "there are no YAML files in ." in orc(".").stderr
    assert "nowhere.yml: error: there is no such file" in orc("nowhere.yml").stdout


def test_no_secret_is_shown_that_is_found(project: Path) -> None:
    Path("playbooks/common/steps.yml").write_text(
        "- {run: './x --password=geheim1 --token geheim22', irreversible: true}\n"
        "- {run: 'curl -H \"Authorization: Bearer geheim33333333\" https://me:geheim44@x/', irreversible: true}\n"
        "- {run: './y AKIA0123456789ABCDEF', env: {DB_PASSWORD: geheim55, TOKEN: 'geheim66'}, irreversible: true}\n"
    )

    for form in ("text", "json", "sarif", "github"):
        done = orc("--format", form)
        assert "secret-in-command" in done.stdout
        assert not re.search("geheim|AKIA0", done.stdout)


def test_json_has_every_finding_with_its_place(project: Path) -> None:
    said = json.loads(orc("--format", "json", "--no-shellcheck").stdout)

    assert said["files"] == ["playbooks/a.yml", "inventories/i.yml"]
    assert said["fixed"] == 0
    (found,) = said["findings"]
    assert {key: found[key] for key in ("file", "line", "column", "rule", "severity", "step", "fixable")} == {
        "file": "playbooks/common/steps.yml",
        "line": 1,
        "column": 28,
        "rule": "pipe-without-pipefail",
        "severity": "warning",
        "step": "dump",
        "fixable": False,
    }


def test_github_has_an_annotation_for_each_finding(project: Path) -> None:
    (line,) = orc("--format", "github", "--no-shellcheck").stdout.splitlines()

    assert line.startswith(
        "::warning file=playbooks/common/steps.yml,line=1,col=28,title=pipe-without-pipefail::if dump"
    )


def test_sarif_has_what_the_standard_asks_for(project: Path) -> None:
    """SARIF 2.1.0, of section 3: what is required, what refers to what, and lines and columns from 1."""
    Path("playbooks/common/steps.yml").write_text(STEPS + "- {run: apt-get install x, irreversible: true}\n")
    Path("inventories/i.yml").write_text(INVENTORY + "groups: {none: {}}\n")
    said = json.loads(orc("--format", "sarif", "--no-shellcheck").stdout)

    assert said["version"] == "2.1.0"
    (once,) = said["runs"]
    driver = once["tool"]["driver"]
    assert [rule["id"] for rule in driver["rules"]] == [id for id in RULES if id != "SC0000"]
    assert len(once["results"]) == 3
    for result in once["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        (place,) = result["locations"]
        artifact = place["physicalLocation"]["artifactLocation"]
        assert artifact["uriBaseId"] in once["originalUriBaseIds"]
        region = place["physicalLocation"].get("region", {"startLine": 1, "startColumn": 1})
        assert min(region.values()) >= 1
    (fixed,) = [result["fixes"] for result in once["results"] if "fixes" in result]
    (replacement,) = fixed[0]["artifactChanges"][0]["replacements"]
    assert replacement["insertedContent"]["text"] == "install -y"
    assert replacement["deletedRegion"] == {"startLine": 2, "startColumn": 17, "endColumn": 24}


def test_what_is_mended_is_only_what_was_wrong(project: Path) -> None:
    before = (
        "\ufeff# a comment   \r\n- run: |\r\n    set -e\r\n    source  ./env.sh\r\n"
        '    [ "$a" == b ] && apt-get install x\r\n'
        "  irreversible: true     # é\r\n- {run: './x', irreversible: true}   # orc: ignore[unused-var] no more\r\n"
    )
    Path("playbooks/common/steps.yml").write_bytes(before.encode())

    done = orc("--fix", "--no-shellcheck")

    after = before.replace("source", ".").replace("==", "=").replace("install", "install -y")
    assert Path("playbooks/common/steps.yml").read_bytes().decode() == after.replace(
        "   # orc: ignore[unused-var] no more", ""
    )
    assert (done.returncode, done.stdout) == (0, "2 files: nothing found; 4 mended\n")


def test_bare_templates_are_quoted_though_yaml_tells_of_one_at_a_time(project: Path) -> None:
    Path("playbooks/common/steps.yml").write_text(
        "- run: {{ release }}/go   # why\n  irreversible: true\n- run: {{ port }}\n"
    )

    orc("--fix", "--no-shellcheck")

    text = Path("playbooks/common/steps.yml").read_text()
    assert text == "- run: '{{ release }}/go'   # why\n  irreversible: true\n- run: '{{ port }}'\n"


def test_what_looks_like_a_comment_in_a_text_is_data_and_is_left(project: Path) -> None:
    book = (
        "hosts: all\nvars:\n  motd: |\n    hello # orc: ignore[unused-var] why\nsteps:\n"
        "  - {run: 'echo {{ motd }}'}  # orc: ignore[not-of-sh] why\n"
    )
    Path("playbooks/a.yml").write_text(book)

    done = orc("--fix", "--no-shellcheck", "playbooks/a.yml")

    assert Path("playbooks/a.yml").read_text() == book.replace("  # orc: ignore[not-of-sh] why", "")
    assert "playbooks/a.yml:4:11: warning: there is nothing of unused-var to ignore here" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("1 mended")


def test_an_edit_that_does_not_help_is_taken_back(project: Path) -> None:
    text = "- run: {{ a }} : {{ b }}: c\n    x\n"
    Path("playbooks/b.yml").write_text(f"hosts: all\nsteps:\n{text}")
    before = Path("playbooks/b.yml").read_bytes()

    assert orc("--fix").returncode == 2
    assert Path("playbooks/b.yml").read_bytes() in (
        before,
        before.replace(b"{{ a }} : {{ b }}: c", b"'{{ a }} : {{ b }}: c'"),
    )


# .ci/run installs shellcheck: there this is skipped only where no package of it can be had, which it says.
@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="there is no shellcheck on this machine")
def test_what_shellcheck_finds_stands_at_its_place_in_the_yaml(project: Path) -> None:
    Path("playbooks/common/steps.yml").write_text(
        "- run: |\n    set -e\n    ./go {{ release }} $x\n  irreversible: true\n"
        "- {run: 'ls {{ port }} $y', irreversible: true}\n"
    )

    found = json.loads(orc("--format", "json").stdout)["findings"]

    assert [(each["rule"], each["line"], each["column"], each["severity"]) for each in found] == [
        ("SC2086", 3, 24, "note"),
        ("SC2086", 5, 24, "note"),
    ]
    assert rules(orc("--no-shellcheck")) == []
    sarif = json.loads(orc("--format", "sarif").stdout)
    assert sarif["runs"][0]["tool"]["driver"]["rules"][-1]["id"] == "SC2086"


# .ci/run installs shellcheck: there this is skipped only where no package of it can be had, which it says.
@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="there is no shellcheck on this machine")
def test_a_value_is_no_constant_to_shellcheck(project: Path) -> None:
    Path("playbooks/common/steps.yml").write_text(
        '- run: |\n    if [ {{ release }} = v1 ]; then ./a; fi\n    for x in {{ port }}; do ./b "$x"; done\n'
        "  irreversible: true\n- run: |\n    set -e\n    [ {{ release }} ]\n    [ {{ port | int }} -gt 1 ] || ./c\n"
        "  irreversible: true\n"
    )

    assert rules(orc()) == []
