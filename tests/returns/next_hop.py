"""What stands behind a server that takes mail: one that knows nobody whose name says so."""

import socket

from tests.listening import Listening

REFUSALS = {b"unknown": b"550 5.1.1 No such user here", b"full": b"552 5.2.2 Mailbox full, over quota"}


class NextHop(Listening):
    """Refuses at RCPT, in words of its own."""

    def _serve(self, sock: socket.socket) -> None:
        sock.sendall(b"220 store.example ESMTP\r\n")
        for line in sock.makefile("rb"):
            verb = line[:4].upper()
            if verb == b"RCPT":
                answer = next((said for word, said in REFUSALS.items() if word in line), b"250 2.1.5 Ok")
            else:
                answer = {b"DATA": b"354 Go on", b"QUIT": b"221 Bye"}.get(verb, b"250 store.example")
            sock.sendall(answer + b"\r\n")
