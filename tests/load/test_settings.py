"""The project's settings: orchestrator.toml, the environment, and what is wrong in either."""

from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.load import Settings, load_settings, render_problems
from orchestrator.model.host import ProviderSpec
from tests.load.conftest import Write

HOSTUP = ProviderSpec(kind="hostup", url="https://cloud.hostup.se", api_key="env:HOSTUP_API_KEY")


def words(directory: Path, environ: dict[str, str]) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_settings(directory, environ)
    return render_problems(caught.value.problems).splitlines()


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"ORC_LOG": ""})

    assert settings == Settings(
        state_dir=tmp_path / ".orchestrator",
        database_url=f"sqlite:///{(tmp_path / '.orchestrator/journal.sqlite3').as_posix()}",
        log="text",
        provider=HOSTUP,
    )


def test_the_environment_wins_over_the_file(write: Write) -> None:
    write(
        "orchestrator.toml",
        """
        state_dir = "state"
        log = "json"
        database_url = "sqlite:///file.db"
        [provider]
        kind = "simulator"
        url = "http://127.0.0.1:8080"
        rate = "5/s"
        """,
    )

    settings = load_settings(Path(), {"ORC_STATE_DIR": "/elsewhere", "ORC_DATABASE_URL": "sqlite:////abs.db"})

    assert settings.state_dir == Path("/elsewhere")
    assert settings.database_url == "sqlite:////abs.db"
    assert settings.log == "json"
    assert settings.provider == ProviderSpec(
        kind="simulator", url="http://127.0.0.1:8080", api_key="env:HOSTUP_API_KEY", rate=5.0
    )


def test_the_database_is_in_the_state_directory(write: Write) -> None:
    write("orchestrator.toml", 'state_dir = "state"\n')

    assert load_settings(Path(), {}).database_url == "sqlite:///state/journal.sqlite3"


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "orchestrator.toml").write_bytes(b'\xef\xbb\xbflog = "json"\n')

    assert load_settings(tmp_path, {}).log == "json"


def test_all_that_is_wrong_in_the_file_is_said_at_its_place(write: Write) -> None:
    write(
        "orchestrator.toml",
        """
        sate_dir = "x"
        log = "loud"
        database_url = "mysql://me:hunter2@db/x"
        [provider]
        kind = "hostup"
          url = "http://example.com"
        api_key = "hu_live_abc"
        [prvider]
        """,
    )

    assert [line for line in words(Path(), {}) if "^" not in line] == [
        "orchestrator.toml:2:1: error: sate_dir: unknown key sate_dir, did you mean state_dir?",
        '   | sate_dir = "x"',
        "orchestrator.toml:3:1: error: log: must be text or json",
        '   | log = "loud"',
        "orchestrator.toml:4:1: error: database_url: must be sqlite:///PATH,"
        " leave it out for a database in the state directory",
        '   | database_url = "mysql://me:*******@db/x"',
        "orchestrator.toml:7:3: error: provider.url: must be https: the key would cross the network in the clear,"
        " write https",
        '   |   url = "http://example.com"',
        "orchestrator.toml:8:1: error: provider.api_key: a key itself does not belong in a file,"
        " only a reference to it, write `api_key: env:HOSTUP_API_KEY` or `api_key: file:PATH`",
        '   | api_key = "***********"',
        "orchestrator.toml:9:1: error: prvider: unknown key prvider, did you mean provider?",
        "   | [prvider]",
    ]


def test_what_is_wrong_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    environ = {"ORC_LOG": "loud", "ORC_DATABASE_URL": "postgresql+psycopg://me:hunter2@db/x"}

    assert words(tmp_path, environ) == [
        "environment variable ORC_DATABASE_URL: error: not yet supported: postgresql,"
        " write sqlite:///PATH, or leave it out",
        "environment variable ORC_LOG: error: must be text or json",
    ]


@pytest.mark.parametrize(
    ("text", "words_of_it"),
    [
        ("a = \n", "orchestrator.toml:1:5: error: is not TOML: Invalid value"),
        ("a = 1\na = 2\n", "orchestrator.toml:2:6: error: is not TOML: Cannot overwrite a value"),
        ("[" * 20_000, "orchestrator.toml:1:"),
        ("a = " + "[" * 20_000, "orchestrator.toml:1:"),
    ],
)
def test_what_is_no_toml_is_one_problem(write: Write, text: str, words_of_it: str) -> None:
    write("orchestrator.toml", text)

    assert words(Path(), {})[0].startswith(words_of_it)


def test_a_database_address_is_not_shown_by_accident(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"ORC_DATABASE_URL": "sqlite:///hunter2.db"})

    assert "hunter2" not in repr(settings)
