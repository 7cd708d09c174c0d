"""A small server in threads of its own, for tests to say what it does with a connection."""

import contextlib
import socket
import threading
from typing import Self


class Listening:
    """`with …:` listens at `port` until the block ends; `_serve(sock)` runs in a thread for each connection. What it opens beside goes into `_open`."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.connections = 0
        self._open: list[socket.socket] = []
        self._server = socket.create_server((address, 0))
        self.port: int = self._server.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            sock.settimeout(10)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        raise NotImplementedError
