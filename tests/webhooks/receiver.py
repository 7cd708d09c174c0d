"""A tenant's own web server: keeps what it heard, answers what a test wants; HTTP or HTTPS, on a port of its own."""

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.tlspolicy.certificates import Made, make, server_context


@dataclass(frozen=True)
class Heard:
    path: str
    headers: dict[str, str]
    body: bytes
    at_s: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)  # type: ignore[no-any-return]

    @property
    def kind(self) -> str:
        return str(self.event["type"])


Answer = tuple[int, dict[str, str], bytes]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # peers that go away are what the tests are about


class Receiver:
    """`with Receiver() as receiver:`; `heard` in order. `answers(heard)` gives (status, headers, body), by default 204."""

    def __init__(self, context: ssl.SSLContext | None = None, answers: Callable[[Heard], Answer] | None = None) -> None:
        self.heard: list[Heard] = []
        self.answers = answers or (lambda _: (204, {}, b""))
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                heard = Heard(self.path, {name.lower(): value for name, value in self.headers.items()}, body, time.monotonic())
                receiver.heard.append(heard)
                status, headers, answer = receiver.answers(heard)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._scheme = "https" if context else "http"
        self.port: int = self._server.server_address[1]

    def url(self, path: str = "/hooks", host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def authority(folder: Path) -> tuple[Made, str]:
    """A certificate authority, and the file of it to trust."""
    ca = make("Test authority", ca=True)
    file = folder / "ca.pem"
    file.write_bytes(ca.pem)
    return ca, str(file)


def certified(folder: Path, ca: Made, *names: str, **changed: Any) -> ssl.SSLContext:
    """A server of these names."""
    return server_context(folder, make(names[0], ca, names=names, **changed))
