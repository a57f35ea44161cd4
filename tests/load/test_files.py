"""Files that cannot be read, and several files at once."""

from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.load import load_all, load_inventory, load_playbook, read_yaml, render_problems
from orchestrator.load.files import MAX_BYTES
from tests.load.conftest import Write

PLAYBOOK = "hosts: all\nsteps: [{run: uptime}]\n"


def words(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_playbook(path)
    return render_problems(caught.value.problems)


def test_a_missing_file_names_one_that_is_there(write: Write) -> None:
    write("playbooks/deploy.yml", PLAYBOOK)

    assert words(Path("playbooks/deplyo.yml")) == (
        "playbooks/deplyo.yml: error: there is no such file, did you mean deploy.yml?"
    )
    assert words(Path("nowhere/deploy.yml")) == "nowhere/deploy.yml: error: there is no such file"


def test_a_folder_is_no_file(write: Write) -> None:
    write("playbooks/deploy.yml", PLAYBOOK)

    assert words(Path("playbooks")) == "playbooks: error: is a folder, name a file in it"


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    assert words(Path("a\0b")) == "a\N{REPLACEMENT CHARACTER}b: error: is not the name of a file"
    assert "cannot be read: File name too long" in words(tmp_path / ("x" * 5000))


def test_a_file_that_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("latin1.yml").write_bytes("hosts: all\nname: é\n".encode("latin-1"))
    Path("utf16.yml").write_bytes(PLAYBOOK.encode("utf-16"))
    Path("bell.yml").write_bytes(b"hosts: all\nname: a\x07b\n")

    assert words(Path("latin1.yml")) == (
        "latin1.yml:2:7: error: is not UTF-8 from here on, save it as UTF-8\n   | name: \n   |       ^"
    )
    assert words(Path("utf16.yml")) == "utf16.yml: error: is UTF-16, save it as UTF-8"
    assert words(Path("bell.yml")) == (
        "bell.yml:2:8: error: holds the unprintable character U+0007,"
        " remove it, or write it as an escape in double quotes\n   | name: a b\n   |        ^"
    )


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "large.yml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))

    assert words(path).endswith("error: is larger than 5 MB, split it")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "p.yml"
    path.write_bytes(b"\xef\xbb\xbf" + PLAYBOOK.encode())

    playbook = load_playbook(path)

    assert playbook.hosts
    assert playbook.hosts.origin.column == 8


def test_windows_line_ends_are_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "p.yml"
    path.write_bytes(b"hosts: all\r\nsteps:\r\n  - run: uptime\r\n    tiemout: 5\r\n")

    assert ":4:5: error: steps[0].tiemout: unknown key tiemout" in words(path)


def test_all_that_is_wrong_in_both_files_is_said_at_once(write: Write) -> None:
    playbook = write("p.yml", "hots: all\nsteps: [{run: uptime}]\n")
    inventory = write("i.yml", "hosts: {}\n")

    with pytest.raises(InputError) as caught:
        load_all(playbook, inventory)

    assert [str(problem.origin) for problem in caught.value.problems] == ["p.yml:1:1", "i.yml:1:8"]


def test_both_files_are_loaded(write: Write) -> None:
    playbook = write("p.yml", PLAYBOOK)
    inventory = write("i.yml", "hosts: {a: {vmid: 1}}\n")

    assert load_all(playbook, inventory) == (load_playbook(playbook), load_inventory(inventory))
    assert load_all(playbook, None) == (load_playbook(playbook), None)


def test_any_yaml_can_be_read_as_values(write: Write) -> None:
    path = write("faults.yml", "seed: 7\nall: {drop_reply_after: 0.05}\n")

    assert read_yaml(path) == {"seed": 7, "all": {"drop_reply_after": 0.05}}
    with pytest.raises(InputError, match="here twice"):
        read_yaml(write("twice.yml", "a: 1\na: 2\n"))


def test_a_vmid_may_stand_as_a_bare_number_in_a_file_of_faults(write: Write) -> None:
    file = write("faults.yml", "seed: 7\nvmids: {10004: {hang: {count: 3}}}\n")

    assert read_yaml(file) == {"seed": 7, "vmids": {"10004": {"hang": {"count": 3}}}}
