"""A small HTTPS server that answers what a test wants, in a thread of its own."""

import contextlib
import socket
import ssl
from collections.abc import Callable

from tests.listening import Listening

Answer = Callable[[ssl.SSLSocket, bytes], None]


class PolicyHost(Listening):
    """`with PolicyHost(context, answer) as host:` listens at `host.port`; `asked` are the heads of the requests."""

    def __init__(self, context: ssl.SSLContext, answer: Answer, address: str = "127.0.0.1") -> None:
        super().__init__(address)
        self._context, self._answer = context, answer
        self.asked: list[bytes] = []

    def _serve(self, sock: socket.socket) -> None:
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
