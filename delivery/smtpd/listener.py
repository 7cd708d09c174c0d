"""Listener: the sockets of one process, and the sessions behind them.

Promises: whoever is beyond a bound is told 421 and gone, every deadline is kept to the second; after `stop()` nobody new comes in, who is in a
message may finish it within DRAIN_S, everybody else hears 421; while it is shut, new clients hear why, and who is in a session goes on until
its next message is through. Never: decides about mail.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

import structlog
import uvloop

from delivery.smtpd.certificate import Tls
from delivery.smtpd.conversation import Conversation
from delivery.smtpd.gate import Gate, whose
from delivery.smtpd.service import Service
from delivery.smtpd.session import Session

log = structlog.get_logger(__name__)

BACKLOG = 512
DRAIN_S = 4.0
LOOK_EVERY_S = 1.0
CLOSING = "421 4.3.2 This server is going down; come back in a moment"
Networks = Sequence[IPv4Network | IPv6Network]


@dataclass(frozen=True, slots=True)
class Door:
    """One address to listen at. `proxies`: who connects from there begins with a PROXY header, v1 or v2, before TLS too."""

    host: str
    port: int
    service: Service
    implicit_tls: bool = False
    proxies: Networks = ()

    def is_proxy(self, address: str) -> bool:
        return bool(self.proxies) and is_within(address, self.proxies)


def is_within(address: str, networks: Networks) -> bool:
    try:
        parsed = ip_address(whose(address) if ":" in address and "." in address else address)
    except ValueError:
        return False
    return any(parsed.version == network.version and parsed in network for network in networks)


class Listener:
    """`tls` is None where there is no certificate: then there is no STARTTLS."""

    def __init__(self, doors: Sequence[Door], gate: Gate, host_name: str, tls: Tls | None) -> None:
        self.doors, self.gate, self.host_name, self.tls = doors, gate, host_name, tls
        self.sessions: set[Conversation] = set()
        self.closing = ""
        self.shut = ""  # the reply to who comes while this server is out of service
        self.ports: list[int] = []
        self._servers: list[asyncio.Server] = []
        self._looking: asyncio.Task[None] | None = None
        self._empty = asyncio.Event()

    def joined(self, session: Conversation) -> None:
        self.sessions.add(session)

    def left(self, session: Conversation) -> None:
        self.sessions.discard(session)
        if not self.sessions:
            self._empty.set()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        for door in self.doors:
            sock = _bound(door.host, door.port)
            self.ports.append(int(sock.getsockname()[1]))
            server = await loop.create_server(lambda door=door: Session(self, door, loop), sock=sock, backlog=BACKLOG)  # type: ignore[misc]
            self._servers.append(server)
        self._looking = loop.create_task(self._look())

    def shut_to(self, reply: str) -> None:
        """Turn away who comes from now on, with this reply, and whoever is here after their next message; empty: open again."""
        self.shut = reply
        for session in self.sessions:
            session.leave_soon(reply)

    async def stop(self, within_s: float = DRAIN_S) -> None:
        self.closing = CLOSING
        for server in self._servers:
            server.close()
        for session in list(self.sessions):
            session.take_leave(CLOSING)
        if self.sessions:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), within_s)
        for session in list(self.sessions):
            session.expire()
        await asyncio.sleep(0)
        if self._looking:
            self._looking.cancel()

    async def _look(self) -> None:
        """Deadlines, once a second: a timer for each command of each session would cost more."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now = loop.time()
            for session in [each for each in self.sessions if each.deadline < now]:
                session.expire()
            if self.tls:
                self.tls.look_again()


def _bound(host: str, port: int) -> socket.socket:
    """Connections of an earlier process that linger do not count, another listener does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setblocking(False)
    sock.bind((host, port))
    return sock


def run(serving: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run a listener's program on uvloop until SIGTERM or SIGINT sets the event that it was given."""
    async def main() -> None:
        ending = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, ending.set)
        await serving(ending)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
