"""The last write of a message asks `before_dot` in its own loop tick; large ones hold back their end with the dot."""

import asyncio
import hashlib

import pytest

from delivery.smtp.wire import Failure, Phase
from tests.smtp.conftest import BODY, HEAD, envelope, impatient, open_session, yes
from tests.smtp.hostile import Line, Peer
from tests.smtp.ways import is_dead

LARGE = b"".join(b".line %d of a large message, which is long\r\n" % number for number in range(110_000))
SMALL, BIG = pytest.param(BODY, id="small"), pytest.param(LARGE, id="large")


def listening(got: list[int]):
    """A peer that counts the octets of the message and never answers it."""

    def script(line: Line) -> None:
        line.greet()
        line.envelope()
        got.append(len(line.buffer))
        while data := line.sock.recv(1 << 20):
            got[0] += len(data)
        got.append(-1)

    return script


@pytest.mark.parametrize("body", [SMALL, BIG])
def test_without_the_lease_no_dot_is_written(run, body: bytes) -> None:
    got: list[int] = []
    asked: list[bool] = []

    def no() -> bool:
        asked.append(True)
        return False

    async def talk() -> None:
        session = await open_session(peer)
        told = await session.send(envelope(), HEAD, body, no)
        assert (told.phase, told.failure, told.dot_written, told.final) == (Phase.BODY, Failure.FENCED, False, None)
        await is_dead(session)

    with Peer(listening(got)) as peer:
        run(talk())
        for thread in peer._threads:
            thread.join(5)
    whole = len(HEAD) + len(body) + body.count(b"\r\n.") + 3 + (body[:1] == b".")
    assert asked == [True] and got[-1] == -1
    assert got[0] == 0 if body is BODY else got[0] <= whole - 16 * 1024


def test_a_large_message_arrives_whole_and_its_end_is_held_back(run) -> None:
    answers: list[bytes] = []
    seen: list[int] = []

    def script(line: Line) -> None:
        line.greet()
        answers.append(line.accept())
        line.accept()
        line.stall()

    async def talk() -> None:
        session = await open_session(peer)
        transport = session._channel.transport
        assert transport is not None

        def before_dot() -> bool:
            seen.append(transport.get_write_buffer_size())
            return True

        told = await session.send(envelope(), HEAD, LARGE, before_dot)
        assert told.accepted and told.dot_written
        assert (await session.send(envelope(), HEAD, BODY, yes)).accepted
        session.abort()

    with Peer(script) as peer:
        run(talk())
    assert seen == [0], "something was still queued before the last write"
    assert len(LARGE) > 5_000_000 and hashlib.sha256(answers[0]).digest() == hashlib.sha256(HEAD + LARGE).digest()


def test_a_large_message_over_tls_arrives_whole(run, secrets) -> None:
    from delivery.smtp.target import TlsMode

    def script(line: Line) -> None:
        line.greet("STARTTLS")
        line.secure()
        line.hello()
        line.accept()
        line.stall()

    async def talk() -> None:
        session = await open_session(peer, TlsMode.REQUIRED)
        assert (await session.send(envelope(), HEAD, LARGE, yes)).accepted
        session.abort()

    with Peer(script, context=secrets.server) as peer:
        run(talk())
    assert peer.messages == [HEAD + LARGE]


def test_a_peer_that_stops_reading_is_left_in_time(run) -> None:
    def script(line: Line) -> None:
        line.greet()
        line.envelope()
        stop.wait(8)

    async def talk() -> None:
        session = await open_session(peer, timeouts=impatient("block"))
        told = await session.send(envelope(), HEAD, LARGE * 4, yes)
        assert (told.phase, told.failure, told.dot_written) == (Phase.BODY, Failure.TIMEOUT, False)
        await is_dead(session)
        stop.set()

    import threading

    stop = threading.Event()
    with Peer(script) as peer:
        run(talk())


def test_a_peer_that_cuts_while_the_body_is_on_its_way_has_not_taken_it(run) -> None:
    def script(line: Line) -> None:
        line.greet()
        line.envelope()
        line.sock.recv(100_000)
        line.cut()

    async def talk() -> None:
        session = await open_session(peer)
        told = await session.send(envelope(), HEAD, LARGE * 4, yes)
        assert (told.phase, told.failure, told.dot_written) == (Phase.BODY, Failure.CUT, False)
        await is_dead(session)

    with Peer(script) as peer:
        run(talk())


@pytest.mark.parametrize(("early", "failure"), [("552 5.3.4 too large", None), ("421 4.3.0 enough", None), ("250 2.0.0 fine already", Failure.PROTOCOL)])
def test_an_answer_before_the_dot_never_accepts(run, early: str, failure: Failure | None) -> None:
    def script(line: Line) -> None:
        line.greet()
        line.envelope()
        line.sock.recv(100_000)
        line.say(early)
        line.stall()

    async def talk() -> None:
        session = await open_session(peer)
        told = await session.send(envelope(), HEAD, LARGE * 4, yes)
        assert (told.phase, told.failure, told.dot_written, told.accepted) == (Phase.BODY, failure, False, False)
        assert (told.final.text if told.final else None) == (early if failure is None else None)
        await is_dead(session)

    with Peer(script) as peer:
        run(talk())


def test_a_surprise_in_before_dot_ends_the_connection(run) -> None:
    def surprise() -> bool:
        raise LookupError("a bug of ours")

    async def talk() -> None:
        session = await open_session(peer)
        with pytest.raises(LookupError):
            await session.send(envelope(), HEAD, BODY, surprise)
        await is_dead(session)

    got: list[int] = []
    with Peer(listening(got)) as peer:
        run(talk())


def test_one_message_at_a_time(run) -> None:
    async def talk() -> None:
        session = await open_session(peer)
        first = asyncio.ensure_future(session.send(envelope(), HEAD, BODY, yes))
        await asyncio.sleep(0)
        assert not session.usable
        with pytest.raises(RuntimeError):
            await session.send(envelope(), HEAD, BODY, yes)
        assert (await first).accepted
        session.abort()

    with Peer(lambda line: (line.greet(), line.accept(), line.stall())) as peer:
        run(talk())
