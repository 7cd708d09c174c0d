"""A small HTTPS server that answers what a test wants, in a thread of its own."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Self

Answer = Callable[[ssl.SSLSocket, bytes], None]


class PolicyHost:
    """`with PolicyHost(context, answer) as host:` listens at `host.port`; `asked` are the heads of the requests."""

    def __init__(self, context: ssl.SSLContext, answer: Answer, address: str = "127.0.0.1") -> None:
        self._context, self._answer = context, answer
        self.asked: list[bytes] = []
        self.connections = 0
        self._server = socket.create_server((address, 0))
        self.port: int = self._server.getsockname()[1]
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for sock in self._open:
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
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(10)
        with contextlib.suppress(OSError, ValueError):
            secured = self._context.wrap_socket(sock, server_side=True)
            self._open.append(secured)
            head = b""
            while b"\r\n\r\n" not in head and (more := secured.recv(4096)):
                head += more
            self.asked.append(head)
            self._answer(secured, head)
            secured.close()


def says(body: bytes, *headers: str, status: str = "200 OK", plain: bool = True) -> Answer:
    """One answer with these header fields, then the end of the connection."""
    fields = [*headers, *(["Content-Type: text/plain"] if plain else [])]
    whole = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *fields, "")).encode() + body
    return lambda sock, _: sock.sendall(whole)
