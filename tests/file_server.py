"""A web server on this machine that serves bytes and misbehaves as it is told, for tests that fetch."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from models.weights.download import Remote

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(HTTPServer):
    """Serves bytes, and misbehaves as its fields say; `asked` are the ranges that clients wanted."""

    content = CONTENT
    breaks_after: int | None = None
    """Bytes after which each answer breaks off."""
    failures: list[int]
    """Statuses of the next answers."""
    ranges = True
    shift = 0
    """By how many bytes a range is wrong."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.failures, self.asked = [], list[str | None]()
        self.contents: dict[str, bytes] = {}

    def at(self, path: str) -> bytes:
        """What is served at a path."""
        return self.contents.get(path, self.content)

    def remote(self, sha256: str = SHA256[:8]) -> Remote:
        return Remote(f"http://127.0.0.1:{self.server_port}/net.pth", "net.pth", sha256)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        if server.failures:
            self.send_error(server.failures.pop(0))
            return
        start = int(wanted.split("=")[1].removesuffix("-")) if wanted and server.ranges else 0
        content = server.at(self.path)
        if start and start >= len(content):
            self.send_error(416)
            return
        body = content[start:]
        self.send_response(206 if start else 200)
        if start:
            first = start + server.shift
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.breaks_after])

    def log_message(self, *_: object) -> None:
        """Nothing: tests are quiet."""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()
