"""Ordinary peers: one connection, many messages, each answer with its command."""

import asyncio
import time
from pathlib import Path

import pytest

from delivery.smtp.connect import ConnectFailure
from delivery.smtp.target import TlsMode
from delivery.smtp.tls import TlsContexts
from delivery.smtp.wire import Phase
from tests.smtp.conftest import BODY, HEAD, envelope, impatient, open_session, yes
from tests.smtp.hostile import Line, Peer

PLAIN = ("8BITMIME", "SIZE 30000000")
ALL = ("PIPELINING", "8BITMIME", "SIZE 30000000", "SMTPUTF8")


@pytest.mark.parametrize("features", [PLAIN, ALL], ids=["one by one", "pipelined"])
def test_a_refused_recipient_leaves_the_session_good_for_the_next_message(run, features) -> None:
    def script(line: Line) -> None:
        line.greet(*features)
        for number in range(3):
            line.accept(f"250 2.0.0 Ok {number}")
            line.hear("MAIL")
            line.say("250 2.1.0 Ok")
            line.hear("RCPT")
            line.say("550 5.1.1 no such user")
            if "PIPELINING" in features:
                line.hear("DATA")
                line.say("503 5.5.1 no valid recipients")
            line.hear("RSET")
            line.say("250 2.0.0 Ok")
        line.accept("250 2.0.0 Ok last")
        line.hear("QUIT")
        line.say("221 2.0.0 Bye")

    async def talk() -> None:
        session = await open_session(peer)
        for number in range(3):
            good = await session.send(envelope(), HEAD, BODY, yes)
            assert good.accepted and good.final is not None and good.final.text == f"250 2.0.0 Ok {number}"
            bad = await session.send(envelope("nobody@peer.test"), HEAD, BODY, yes)
            assert (bad.phase, bad.failure, bad.dot_written) == (Phase.RCPT, None, False)
            assert bad.rcpt is not None and bad.rcpt.code == 550 and bad.rcpt.enhanced == "5.1.1"
            assert session.usable
        last = await session.send(envelope(), HEAD, BODY, yes)
        assert last.final is not None and last.final.text == "250 2.0.0 Ok last"
        assert session.sent == 7
        await session.quit()
        assert not session.usable

    with Peer(script) as peer:
        run(talk())
    assert peer.errors == []
    assert peer.messages == [HEAD + BODY] * 4
    assert peer.connections == 1


def test_tls_is_described_and_the_name_is_verified_where_asked(run, secrets) -> None:
    def script(line: Line) -> None:
        line.greet("STARTTLS")
        line.secure()
        line.hello()
        line.accept()
        line.stall()

    async def talk(mode: TlsMode) -> str:
        session = await open_session(peer, mode, contexts=TlsContexts(secrets.ca_file))
        assert (await session.send(envelope(), HEAD, BODY, yes)).accepted
        session.abort()
        return session.tls

    with Peer(script, context=secrets.server) as peer:
        assert run(talk(TlsMode.REQUIRED)).startswith("TLSv1.3 TLS_")
        assert run(talk(TlsMode.REQUIRED)).endswith(" unverified")
        assert run(talk(TlsMode.VERIFIED)).endswith(" webpki")
    assert peer.errors == []


def test_quit_waits_for_the_peer_to_close(run) -> None:
    """Its connection slot is free only then."""
    closed: list[float] = []

    def script(line: Line) -> None:
        line.greet()
        line.hear("QUIT")
        line.say("221 2.0.0 bye")
        time.sleep(0.1)
        closed.append(time.monotonic())

    async def talk() -> float:
        session = await open_session(peer)
        await session.quit()
        assert not session.usable
        await session.quit()
        return time.monotonic()

    with Peer(script) as peer:
        done = run(talk())
    assert closed and done >= closed[0]
    assert peer.lines[-1] == b"QUIT"


def test_quit_does_not_wait_for_ever(run) -> None:
    async def talk() -> None:
        session = await open_session(peer, timeouts=impatient("quit"))
        start = time.monotonic()
        await session.quit()
        assert time.monotonic() - start < 4

    with Peer(lambda line: (line.greet(), line.hear("QUIT"), line.stall())) as peer:
        run(talk())


def test_sessions_leave_no_socket_behind(run, secrets) -> None:
    """Whatever came of them: opened, refused, cut, aborted."""

    def script(line: Line) -> None:
        way = line.peer.connections % 4
        if way == 0:
            return line.say("554 no")
        if way == 1:
            return line.cut()
        line.greet("STARTTLS")
        if way == 2:
            line.hear("STARTTLS")
            return line.say("220 go", "220 go")
        line.stall()

    async def talk() -> int:
        count = 0
        for _ in range(40):
            try:
                (await open_session(peer, TlsMode.REQUIRED if count % 2 else TlsMode.NONE)).abort()
            except ConnectFailure:
                count += 1
        await asyncio.sleep(0.05)
        return count

    before = len(list(Path("/proc/self/fd").iterdir()))
    with Peer(script) as peer:
        assert run(talk()) >= 10
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 4
