"""A scriptable peer: plays any mail host, honest or hostile, on a raw socket of 127.0.0.1.

A script is a function of one `Line`; it runs in a thread for each connection. What happened is kept: `peer.lines` (what was heard),
`peer.errors` (a script that failed), `peer.connections`.
"""

import contextlib
import datetime
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PATIENCE_S = 10.0


class Line:
    """One connection, from the peer's side."""

    def __init__(self, sock: socket.socket, peer: "Peer") -> None:
        self.sock: socket.socket = sock
        self.peer = peer
        self.buffer = b""
        sock.settimeout(PATIENCE_S)

    def say(self, *lines: bytes | str) -> None:
        for line in lines:
            self.raw((line.encode() if isinstance(line, str) else line) + b"\r\n")

    def raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def hear(self, expected: str = "") -> bytes:
        """The next line; '' at the end of the connection."""
        while b"\r\n" not in self.buffer:
            more = self.sock.recv(65536)
            if not more:
                return b""
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        self.peer.lines.append(line)
        if expected and not line.upper().startswith(expected.upper().encode()):
            self.peer.errors.append(f"expected {expected}, heard {line!r}")
        return line

    def hear_message(self) -> bytes:
        """Everything up to the final dot, dots taken off again; what came is kept in `peer.messages`."""
        while not (self.buffer.startswith(b".\r\n") or b"\r\n.\r\n" in self.buffer):
            more = self.sock.recv(1 << 20)
            if not more:
                return b""
            self.buffer += more
        if self.buffer.startswith(b".\r\n"):
            message, self.buffer = b"", self.buffer[3:]
        else:
            message, self.buffer = self.buffer.split(b"\r\n.\r\n", 1)
            message = re.sub(rb"(?m)^\.", b"", message + b"\r\n")
        self.peer.messages.append(message)
        return message

    def greet(self, *features: str) -> None:
        """Banner, and an answer to EHLO."""
        self.say("220 peer.test ESMTP")
        self.hello(*features)

    def hello(self, *features: str) -> None:
        self.hear("EHLO")
        offers = ["peer.test", *(features or ("PIPELINING", "8BITMIME", "SIZE 30000000", "SMTPUTF8", "ENHANCEDSTATUSCODES"))]
        self.say(*(f"250{' ' if offer is offers[-1] else '-'}{offer}" for offer in offers))

    def envelope(self) -> None:
        """Hear MAIL, RCPT and DATA, and say yes to all."""
        for command, answer in (("MAIL", "250 2.1.0 Ok"), ("RCPT", "250 2.1.5 Ok"), ("DATA", "354 go on")):
            self.hear(command)
            self.say(answer)

    def accept(self, answer: str = "250 2.0.0 Ok: queued as 4x1") -> bytes:
        self.envelope()
        message = self.hear_message()
        self.say(answer)
        return message

    def secure(self) -> None:
        """Hear STARTTLS, agree, shake hands."""
        self.hear("STARTTLS")
        self.say("220 2.0.0 ready")
        self.handshake()

    def handshake(self) -> None:
        self.sock = self.peer.context.wrap_socket(self.sock, server_side=True)

    def cut(self) -> None:
        """Close with a FIN (and whatever is unread lost)."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def wait_for_end(self) -> bool:
        """True when the other side closed and said nothing more."""
        try:
            return self.buffer == b"" and self.sock.recv(65536) == b""
        except OSError:
            return True

    def stall(self) -> None:
        """Say nothing until the other side goes."""
        with contextlib.suppress(OSError):
            while self.sock.recv(65536):
                pass


class Peer:
    """`with Peer(script) as peer:` listens at `peer.port` until the block ends."""

    def __init__(
        self, *scripts: Callable[[Line], object], context: ssl.SSLContext | None = None, address: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.scripts = scripts
        self.lines: list[bytes] = []
        self.messages: list[bytes] = []
        self.errors: list[str] = []
        self.connections = 0
        self._context = context
        self._threads: list[threading.Thread] = []
        self._open: list[Line] = []
        self._server = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.port: int = self._server.getsockname()[1]

    @property
    def context(self) -> ssl.SSLContext:
        assert self._context is not None, "this peer was given no certificate"
        return self._context

    def __enter__(self) -> "Peer":
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(5)
        self._server.close()
        for thread in self._threads:
            thread.join(0.5)  # a script sees its own end first: most end when our side has closed
        for line in self._open:
            line.cut()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            script = self.scripts[min(self.connections, len(self.scripts) - 1)]
            self.connections += 1
            line = Line(sock, self)
            self._open.append(line)
            thread = threading.Thread(target=self._play, args=(script, line), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _play(self, script: Callable[[Line], object], line: Line) -> None:
        try:
            script(line)
        except (ConnectionError, ssl.SSLError, TimeoutError):
            pass  # the other side's right: the test judges what the client made of it
        except OSError as exc:
            if line.sock.fileno() != -1:
                self.errors.append(repr(exc))
        finally:
            line.cut()


def certificate(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """A self-made authority's file, and a server's context with a certificate for `names`."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    alternatives: list[x509.GeneralName] = []
    for name in names:
        try:
            alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "ca.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = folder / "key.pem"
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return pem, context
