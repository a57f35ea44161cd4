"""A simulator's settings, its start and its end."""

from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from orchestrator.errors import InputError
from orchestrator.simulator import SimulatorSettings, running_simulator, serve
from tests.simulator.conftest import MakeSettings

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"hosts": 0}, "--hosts"),
        ({"first_vmid": 0}, "--first-vmid"),
        ({"key": "two words"}, "--key"),
        ({"port": 70000}, "--port"),
        ({"dir": Path("a:b")}, "--dir"),
        ({"rate": 0.0}, "rate"),
        ({"blocked": ("(",)}, "regular expression"),
        ({"hostnames": {10000: "$(id)"}}, "hostname"),
        ({"programs": {"../x": ""}}, "program"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_wrong_settings_are_an_input_error(settings: MakeSettings, wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        async with running_simulator(settings(**wanted)):
            pass


async def test_a_port_that_is_taken_is_an_input_error(settings: MakeSettings, tmp_path: Path) -> None:
    async with running_simulator(settings()) as simulator:
        port = int(simulator.url.rpartition(":")[2])
        with pytest.raises(InputError, match=f"port {port}"):
            async with running_simulator(settings(port=port, dir=tmp_path / "other")):
                pass


async def test_a_directory_serves_one_simulator_at_a_time(settings: MakeSettings) -> None:
    async with running_simulator(settings()):
        with pytest.raises(InputError, match="another simulator"):
            async with running_simulator(settings()):
                pass


async def test_a_directory_that_cannot_be_made_is_an_input_error(settings: MakeSettings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be used"):
        async with running_simulator(settings(dir=tmp_path / "file" / "fleet")):
            pass


async def test_an_exception_in_the_block_comes_out_as_it_is(settings: MakeSettings) -> None:
    with pytest.raises(ZeroDivisionError):
        async with running_simulator(settings()):
            raise ZeroDivisionError


async def test_serve_tells_when_it_answers_and_ends_when_cancelled(settings: MakeSettings) -> None:
    urls: list[str] = []
    answered: list[int] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_ask_when_ready, urls, answered, tasks.cancel_scope)
        await serve(settings(), ready=lambda simulator: urls.append(simulator.url))

    assert answered == [200]
    async with httpx.AsyncClient() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(urls[0])


async def _ask_when_ready(urls: list[str], answered: list[int], scope: anyio.CancelScope) -> None:
    while not urls:  # noqa: ASYNC110 - `ready` is a plain function
        await anyio.sleep(0.01)
    async with httpx.AsyncClient(base_url=urls[0]) as http:
        answered.append((await http.get("/_simulator/stats")).status_code)
    scope.cancel()


def test_the_settings_do_not_show_the_key(settings: MakeSettings) -> None:
    assert "k-secret" not in repr(settings(key="k-secret"))


def test_the_default_is_a_port_of_the_systems_choice(tmp_path: Path) -> None:
    settings = SimulatorSettings(hosts=3, dir=tmp_path)

    assert (settings.port, settings.key, list(settings.vmids)) == (0, "demo-key", [10000, 10001, 10002])
