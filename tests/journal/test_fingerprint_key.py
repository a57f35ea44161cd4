"""The key with which fingerprints of secret commands are made."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.errors import JournalError
from orchestrator.journal.fingerprint_key import FILE, fingerprint_key


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    key = fingerprint_key(folder)
    assert fingerprint_key(folder) == key
    assert len(key) == 32
    assert fingerprint_key(tmp_path / "other") != key
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_of_many_who_make_it_at_once_all_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len({*pool.map(lambda _: fingerprint_key(tmp_path), range(8))}) == 1


def test_a_key_that_is_not_whole_is_no_key(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"short")
    with pytest.raises(JournalError, match="is not a key of 32 bytes: remove it"):
        fingerprint_key(tmp_path)


def test_a_key_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(JournalError, match="the key of the fingerprints cannot be had"):
        fingerprint_key(tmp_path)
