"""The guestbook: a little HTTP service over a SQLite file. `GET /` lists the entries, `GET /health` says how it is."""

import fcntl
import os
import sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer

VERSION = "v1"
SCHEMA = 1
"""The version of the database's schema that this release works with."""

DATABASE = Path.home() / "guestbook.db"
PID_FILE = Path.home() / "guestbook.pid"


def rows(query: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(DATABASE)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def page() -> str:
    return "".join(f"{text}\n" for (text,) in rows("SELECT text FROM entries ORDER BY id"))


def ailment() -> str:
    """Why this release cannot serve here; empty when it can."""
    ((schema,),) = rows("SELECT max(version) FROM schema_version")
    return "" if schema == SCHEMA else f"the schema is {schema}, {VERSION} needs {SCHEMA}"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        try:
            ill = ailment()
            if ill:
                status, text = 500, f"ill {VERSION}: {ill}\n"
            elif self.path == "/health":
                status, text = 200, f"ok {VERSION}\n"
            else:
                status, text = 200, page()
        except (OSError, sqlite3.Error) as error:
            status, text = 500, f"ill {VERSION}: {error}\n"
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's own looks its name up in DNS, which takes seconds on some machines


def main() -> None:
    server = Server(("127.0.0.1", int(os.environ["PORT"])), Answer)
    with PID_FILE.open("a") as pid_file:
        fcntl.flock(pid_file, fcntl.LOCK_EX)  # held as long as this process lives: service.py asks for it
        pid_file.truncate(0)
        pid_file.write(f"{os.getpid()}\n")
        pid_file.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
