"""A listener in a thread of its own, and a raw client that says exactly what a test tells it to."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from delivery.smtpd.certificate import Tls, tls_of
from delivery.smtpd.gate import Gate
from delivery.smtpd.limits import Limits
from delivery.smtpd.listener import Door, Listener
from delivery.smtpd.service import Client, Mail


@dataclass
class Noting:
    """A service that takes everything and keeps it, but for what a test tells it to refuse."""

    wants_login: bool = False
    refuse: dict[str, str] = field(default_factory=dict)
    taken: list[tuple[Client, Mail, bytes]] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    before_answer: Callable[[], Any] | None = None

    async def opened(self, client: Client) -> str | None:
        self.clients.append(client)
        return self.refuse.get("opened")

    async def login(self, client: Client, user: str, password: str) -> str | None:
        if password != "right":
            return "535 5.7.8 No"
        client.login = user
        return None

    async def mail(self, client: Client, mail: Mail) -> str | None:
        return self.refuse.get(mail.sender)

    async def rcpt(self, client: Client, mail: Mail, address: str) -> str | None:
        return self.refuse.get(address)

    async def message(self, client: Client, mail: Mail, body: bytes) -> str:
        if self.before_answer:
            await self.before_answer()
        self.taken.append((client, mail, body))
        return self.refuse.get("message", "250 2.0.0 Kept")


class Served:
    """A listener that runs."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._ready: Future[None] = Future()
        self._ending: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        await self.listener.start()
        self._ready.set_result(None)
        await self._ending.wait()
        await self.listener.stop(2.0)

    def start(self) -> None:
        self.thread.start()
        self._ready.result(10)

    def tell_to_stop(self) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.tell_to_stop()
        self.thread.join(10)
        assert not self.thread.is_alive()

    @property
    def port(self) -> int:
        return self.listener.ports[0]


@contextlib.contextmanager
def serving(service: Any, folder: Path, limits: Limits | None = None, *, tls: bool = True, **door: Any) -> Iterator[Served]:
    """A listener with one door on loopback."""
    chain: Tls | None = tls_of("", "", folder, ("localhost", "127.0.0.1")) if tls else None
    gate = Gate(limits or Limits(message_bytes=1_000_000))
    served = Served(Listener([Door("127.0.0.1", 0, service, **door)], gate, "mail.test", chain))
    served.start()
    try:
        yield served
    finally:
        served.stop()


class Raw:
    """A client by hand: bytes out, reply lines in."""

    def __init__(self, port: int, *, greeted: bool = True, source: str = "127.0.0.1") -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0))
        self._buffer = b""
        if greeted:
            assert self.reply().startswith("220 ")

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def say(self, data: bytes | str) -> None:
        self.sock.sendall(data if isinstance(data, bytes) else data.encode() + b"\r\n")

    def reply(self) -> str:
        """One reply, its lines joined by |; empty when the connection has ended."""
        lines = []
        while True:
            while b"\r\n" not in self._buffer:
                try:
                    more = self.sock.recv(65536)
                except ConnectionError:
                    more = b""
                if not more:
                    return "|".join(lines)
                self._buffer += more
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            lines.append(line.decode())
            if line[3:4] != b"-":
                return "|".join(lines)

    def ask(self, command: bytes | str) -> str:
        self.say(command)
        return self.reply()

    def asked(self, commands: Sequence[str]) -> list[str]:
        return [self.ask(command) for command in commands]

    def secure(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock, server_hostname="localhost")

    def is_over(self) -> bool:
        """The server has closed, and said nothing more."""
        return self.reply() == ""


def secured(port: int, source: str = "127.0.0.1") -> Raw:
    """A client that has begun TLS and said EHLO."""
    client = Raw(port, source=source)
    client.asked(["EHLO me", "STARTTLS"])
    client.secure()
    client.ask("EHLO me")
    return client
