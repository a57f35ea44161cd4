"""A server for benchmarks alone: HostUp's answers, at once, and no command is run."""

import asyncio
import json
import re
import sys
import time

_NONCE = re.compile(rb"o_run \S+ ([0-9a-f]{16}) ")
_PID = re.compile(rb"pid=(\d+)")


class Agent(asyncio.Protocol):
    """One connection. A command has exited `duration` seconds after its start."""

    started: dict[bytes, tuple[float, bytes]]
    duration: float

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, split, body = self.buffer.partition(b"\r\n\r\n")
        if not split:
            return
        length = int((re.search(rb"(?i)content-length: (\d+)", head) or [b"", b"0"])[1])
        if len(body) < length:
            return
        self.buffer = body[length:]
        self.transport.write(self.answer(head, body[:length]))

    def answer(self, head: bytes, body: bytes) -> bytes:
        """The whole HTTP answer to one request."""
        if head.startswith(b"POST"):
            pid = str(len(self.started) + 1).encode()
            nonce = _NONCE.search(body)
            self.started[pid] = (time.monotonic() + self.duration, nonce[1] if nonce else b"0" * 16)
            return self.reply(b'{"success":true,"pid":%s,"message":"started"}' % pid)
        wanted = _PID.search(head)
        if not wanted:
            return self.reply(b'{"available":true,"message":"ok"}')
        due, nonce_of = self.started[wanted[1]]
        if time.monotonic() < due:
            return self.reply(b'{"exited":false}')
        out = json.dumps(f"\n{nonce_of.decode()} 0 exited 0 0 0 1 1 b 7\n").encode()
        return self.reply(b'{"exited":true,"exitcode":0,"stdout":%s}' % out)

    @staticmethod
    def reply(data: bytes) -> bytes:
        body = b'{"success":true,"timestamp":"t","requestId":"r","data":%s}' % data
        return (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)) + body


async def main() -> None:
    """Serve on a free port of loopback, and print it."""
    Agent.started, Agent.duration = {}, float(sys.argv[1])
    server = await asyncio.get_running_loop().create_server(Agent, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
