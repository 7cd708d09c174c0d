"""What the SMTP tests share: both event loops, a certificate, and short ways to open a session."""

import asyncio
import ssl
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvloop

from delivery.smtp.connect import connect
from delivery.smtp.session import Session
from delivery.smtp.target import Source, Target, Timeouts, TlsMode
from delivery.smtp.tls import TlsContexts
from delivery.smtp.wire import Envelope
from mailplatform.shell.addresses import AddressPolicy
from tests.smtp.hostile import Peer, certificate

HEAD = b"From: a@sender.test\r\nTo: b@peer.test\r\nSubject: hello\r\n\r\n"
BODY = b"One line.\r\n.A dotted one.\r\n..Two.\r\n"
PATIENT = Timeouts(**{f"{phase}_s": 8.0 for phase in ("connect", "banner", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "block", "final", "quit")})


def impatient(phase: str) -> Timeouts:
    """Short for one phase only: a loaded machine must not look like a stalled peer in the others."""
    return replace(PATIENT, **{f"{phase}_s": 0.15})


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine to its end on each of the loops; an exception in a callback fails the test."""

    def runner(coroutine: Coroutine[Any, Any, Any]) -> Any:
        surprises: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if request.param == "uvloop" else None) as loop:
            loop.get_loop().set_exception_handler(lambda _, context: surprises.append(context))
            result = loop.run(asyncio.wait_for(coroutine, 30))
        assert not surprises, surprises
        return result

    return runner


@dataclass(frozen=True)
class Secrets:
    ca_file: Path
    server: ssl.SSLContext


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    return Secrets(*certificate(tmp_path_factory.mktemp("tls"), "peer.test", "127.0.0.1"))


CONTEXTS = TlsContexts()
SANDBOX = AddressPolicy("sandbox")


async def open_session(
    peer: Peer,
    tls: TlsMode = TlsMode.NONE,
    *,
    host: str = "peer.test",
    timeouts: Timeouts = PATIENT,
    contexts: TlsContexts = CONTEXTS,
    login: tuple[str, str] = ("", ""),
) -> Session:
    target = Target(host, "127.0.0.1", peer.port, tls, *login)
    return await connect(target, Source("127.0.0.1", "out.sender.test"), timeouts, contexts, SANDBOX)


def envelope(recipient: str = "b@peer.test", size: int = len(HEAD) + len(BODY), *, eightbit: bool = False, smtputf8: bool = False) -> Envelope:
    return Envelope("bounce@sender.test", recipient, size, eightbit, smtputf8)


def yes() -> bool:
    return True


async def until(true: Callable[[], object], patience_s: float = 8.0) -> None:
    """Poll until it is so."""
    end = time.monotonic() + patience_s
    while not true():  # it happens in another thread
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.005)
