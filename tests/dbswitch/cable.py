"""A cable between a program and the tests' database, which can be cut: connections stay open, new ones are taken, and nothing passes any more."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from typing import Any

from django.db import connection


class Cable:
    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._door = socket.create_server(("127.0.0.1", 0))
        self._whole = threading.Event()
        self._whole.set()
        self._ended = threading.Event()
        self._sockets: list[socket.socket] = []
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def end(self) -> None:
        self._ended.set()
        self._whole.set()
        for each in (self._door, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._door.accept()
                self._sockets.append(near)
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        self._whole.wait()
        far = socket.socket(socket.AF_UNIX)
        self._sockets.append(far)
        with contextlib.suppress(OSError, ValueError):
            far.connect(self._upstream)
            while not self._ended.is_set():
                for ready in select.select([near, far], [], [], 0.2)[0]:
                    if not self._whole.wait(60) or not (data := ready.recv(65536)):
                        return
                    (far if ready is near else near).sendall(data)
        for each in (near, far):
            with contextlib.suppress(OSError):
                each.close()


@contextlib.contextmanager
def cable() -> Iterator[tuple[Cable, dict[str, Any]]]:
    """(the cable, what libpq needs to go through it)"""
    given = connection.get_connection_params()
    made = Cable(f"{given['host']}/.s.PGSQL.{given.get('port') or 5432}")
    try:
        yield made, {"dbname": given["dbname"], "user": given["user"], "host": "127.0.0.1", "port": made.port}
    finally:
        made.end()
