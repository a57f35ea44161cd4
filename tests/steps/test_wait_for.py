"""The step kind `wait_for`, in real shells."""

import shutil
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from orchestrator.model.origin import COMMAND_LINE
from orchestrator.steps import KINDS

SHELLS = [words for words in (["sh"], ["dash"], ["bash", "--posix"], ["busybox", "ash"]) if shutil.which(words[0])]


def command(value: object) -> str:
    kind = KINDS["wait_for"]
    texts = kind.read(value, lambda _: COMMAND_LINE)
    return kind.command(texts, shell=lambda text: text.source, word=lambda text: text.source)


def start(shell: list[str], value: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([*shell, "-c", command(value)])


@pytest.fixture(params=SHELLS, ids=" ".join)
def shell(request: pytest.FixtureRequest) -> list[str]:
    words: list[str] = request.param
    return words


def test_a_port_is_waited_for_until_it_is_listened_on(shell: list[str]) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        waiting = start(shell, {"port": server.getsockname()[1]})
        with pytest.raises(subprocess.TimeoutExpired):  # bound, and nobody listens
            waiting.wait(0.5)
        server.listen()
        assert waiting.wait(30) == 0


def test_a_path_is_waited_for_whatever_it_is_called(shell: list[str], tmp_path: Path) -> None:
    path = tmp_path / "it's $(here)"
    waiting = start(shell, {"path": str(path)})
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.3)
    path.touch()
    assert waiting.wait(30) == 0


def test_seconds_pass(shell: list[str]) -> None:
    assert start(shell, {"seconds": 0}).wait(30) == 0


def test_a_port_that_is_none_fails(shell: list[str]) -> None:
    assert start(shell, {"port": "{{ late }}"}).wait(30) == 2


@pytest.mark.skipif(not (shutil.which("curl") or shutil.which("wget")), reason="neither curl nor wget is here")
def test_a_url_is_waited_for_until_it_answers_well(shell: list[str]) -> None:
    statuses = iter([503, 200])

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(next(statuses))
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert start(shell, {"url": f"http://127.0.0.1:{server.server_port}/"}).wait(30) == 0
        server.shutdown()
    assert next(statuses, None) is None
