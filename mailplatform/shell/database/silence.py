"""Silence: whether a server that does not answer is slow, or gone.

A server that is frozen, or behind a cable that was cut, ends no connection: whoever waits for its answer waits for ever, for its kernel still
acknowledges what it is sent. So who has waited for SILENT_S has the server asked, in a thread, over a connection of its own, whether it speaks
TLS: any answer, also "no", says that it lives, and the wait goes on, however long the statement takes. No answer twice, and every connection
that was opened before is given up. Never: sends a statement, blocks who asks.
"""

import socket
import threading
import time
from pathlib import Path

SILENT_S = 1.5
ANSWER_WITHIN_S = 1.2
_SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")  # https://www.postgresql.org/docs/current/protocol-message-formats.html


class ServerHeard:
    """One server, as this process has heard of it."""

    def __init__(self, host: str, port: str) -> None:
        self._host, self._port = host, port
        self._heard_s = time.monotonic()
        self._gone_s = float("-inf")
        self._asking = threading.Lock()

    def answered(self) -> None:
        """A statement of anybody in this process had its answer."""
        self._heard_s = time.monotonic()

    @property
    def is_lost(self) -> bool:
        """Given up, and not heard of since."""
        return self._gone_s > self._heard_s

    def is_gone(self, opened_s: float, waiting_since_s: float) -> bool:
        """Whether a connection, opened and waiting since then, is to be given up. Has the server asked when it has been silent for long."""
        if self._gone_s > opened_s:
            return True
        if time.monotonic() - max(waiting_since_s, self._heard_s) > SILENT_S and self._asking.acquire(blocking=False):
            threading.Thread(target=self._ask, name="silence", daemon=True).start()
        return False

    def _ask(self) -> None:
        try:
            began_s = time.monotonic()
            if _answers(self._host, self._port) or _answers(self._host, self._port):
                self._heard_s = time.monotonic()
            elif self._heard_s < began_s:  # nobody has had an answer in the meantime
                self._gone_s = time.monotonic()
        finally:
            self._asking.release()


def _answers(host: str, port: str) -> bool:
    try:
        with _dial(host, port or "5432") as line:
            line.settimeout(ANSWER_WITHIN_S)
            line.sendall(_SSL_REQUEST)
            return line.recv(1) != b""
    except OSError:
        return False


def _dial(host: str, port: str) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host or "localhost", int(port)), ANSWER_WITHIN_S)
    line = socket.socket(socket.AF_UNIX)
    try:
        line.settimeout(ANSWER_WITHIN_S)
        line.connect(str(Path(host) / f".s.PGSQL.{port}"))
    except OSError:
        line.close()
        raise
    return line


_servers: dict[tuple[str, str], ServerHeard] = {}


def server_at(host: str, port: str) -> ServerHeard:
    """This process's one memory of that server."""
    return _servers.setdefault((host, port), ServerHeard(host, port))
