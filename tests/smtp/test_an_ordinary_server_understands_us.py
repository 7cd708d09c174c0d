"""aiosmtpd, which we did not write, judges what we send."""

import asyncio
import threading
from collections.abc import Iterator
from email import message_from_bytes
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from delivery.smtp.connect import connect
from delivery.smtp.target import Source, Target, TlsMode
from delivery.smtp.wire import Phase
from tests.smtp.conftest import BODY, CONTEXTS, HEAD, PATIENT, SANDBOX, envelope, yes


class Keeper:
    """Refuses `nobody@`, keeps the rest."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.kept.append(envelope)
        return "250 2.0.0 kept"


@pytest.fixture(params=[TlsMode.NONE, TlsMode.REQUIRED])
def server(request, secrets) -> Iterator[tuple[Keeper, int, TlsMode]]:
    """In a thread with a loop of its own."""
    keeper = Keeper()
    options = {"tls_context": secrets.server, "require_starttls": True} if request.param is TlsMode.REQUIRED else {}
    loop = asyncio.new_event_loop()
    made = loop.run_until_complete(loop.create_server(lambda: SMTP(keeper, enable_SMTPUTF8=True, loop=loop, **options), "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield keeper, made.sockets[0].getsockname()[1], request.param
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    made.close()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()


def test_an_ordinary_server_understands_us(run, server) -> None:
    keeper, port, mode = server

    async def talk() -> None:
        session = await connect(Target("peer.test", "127.0.0.1", port, mode), Source("127.0.0.1", "out.sender.test"), PATIENT, CONTEXTS, SANDBOX)
        for number in range(5):
            refused = await session.send(envelope("nobody@peer.test"), HEAD, BODY, yes)
            assert refused.phase is Phase.RCPT and refused.failure is None and session.usable
            told = await session.send(envelope(f"jö{number}@peer.test", smtputf8=True, eightbit=True), HEAD, BODY + "größer\r\n".encode(), yes)
            assert told.accepted, told
        await session.quit()

    run(talk())
    assert [kept.rcpt_tos for kept in keeper.kept] == [[f"jö{number}@peer.test"] for number in range(5)]
    assert all(kept.mail_from == "bounce@sender.test" and "SMTPUTF8" in kept.mail_options for kept in keeper.kept)
    assert all(kept.original_content == HEAD + BODY + "größer\r\n".encode() for kept in keeper.kept)
    assert message_from_bytes(keeper.kept[0].original_content)["Subject"] == "hello"
