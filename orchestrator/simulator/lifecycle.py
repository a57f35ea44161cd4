"""A simulator from its start until nothing of it is left."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import SocketStream
from anyio.streams.stapled import MultiListener

from orchestrator.errors import InputError
from orchestrator.simulator.faults import Faults
from orchestrator.simulator.fleet import Fleet
from orchestrator.simulator.http_server import HttpServer
from orchestrator.simulator.routes import LOG_PAGE, Routes
from orchestrator.simulator.settings import SimulatorSettings
from orchestrator.simulator.stats import LogEntry, Stats

HOST = "127.0.0.1"


class Simulator:
    """A fleet that is being simulated. url: what a provider is given, without a slash at its end."""

    def __init__(self, *, port: int, routes: Routes) -> None:
        self.url = f"http://{HOST}:{port}"
        self._routes = routes

    def stats(self) -> Stats:
        """What `GET /_simulator/stats` says."""
        return self._routes.stats()

    def log(self, *, after: int = 0, limit: int = LOG_PAGE) -> tuple[LogEntry, ...]:
        """What `GET /_simulator/log` says: the commands started, oldest first, from the one after `after` on."""
        return self._routes.log(after=after, limit=limit)

    def set_faults(self, faults: Faults) -> None:
        """What `POST /_simulator/faults` does: replaces the faults in force."""
        self._routes.set_faults(faults)


@asynccontextmanager
async def running_simulator(settings: SimulatorSettings) -> AsyncIterator[Simulator]:
    """A simulator that answers as long as the block lasts.

    Then its port is closed and every process that its commands started is killed, unless the settings keep services.
    Raises InputError when the settings are wrong, or the port or the directory cannot be had.
    """
    settings.check()
    failure: Exception | None = None
    async with await _listen(settings.port) as listener:
        fleet = Fleet(settings)
        try:
            async with anyio.create_task_group() as commands, anyio.create_task_group() as requests:
                routes = Routes(settings, fleet, commands)
                server = HttpServer(
                    listener=listener,
                    answer=routes.answer,
                    keep_alive=settings.keep_alive,
                    max_connections=fleet.max_connections,
                )
                requests.start_soon(server.run, name="simulator")
                try:
                    yield Simulator(port=server.port, routes=routes)
                except Exception as error:  # noqa: BLE001 - raised again below: the task groups would wrap it
                    failure = error
                requests.cancel_scope.cancel()
                commands.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await fleet.close()
    if failure is not None:
        raise failure


async def serve(settings: SimulatorSettings, *, ready: Callable[[Simulator], None]) -> None:
    """Simulates a fleet until cancelled; `ready` is called once it answers. Raises as running_simulator does."""
    async with running_simulator(settings) as simulator:
        ready(simulator)
        await anyio.sleep_forever()


async def _listen(port: int) -> MultiListener[SocketStream]:
    try:
        return await anyio.create_tcp_listener(local_host=HOST, local_port=port)
    except OSError as error:
        raise InputError.of(f"port {port} cannot be had: {error.strerror}", fix="name another with --port") from error
