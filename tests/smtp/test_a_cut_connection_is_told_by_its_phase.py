"""The peer closes, stalls or says 421 in every phase: the right words come of it, and the connection is never used again."""

import asyncio
import socket

import pytest

from delivery.smtp.connect import ConnectFailure, connect
from delivery.smtp.target import Source, Target, TlsMode
from delivery.smtp.wire import Failure, Phase
from tests.smtp.conftest import BODY, CONTEXTS, HEAD, SANDBOX, envelope, impatient, open_session, until, yes
from tests.smtp.hostile import Line, Peer
from tests.smtp.ways import IN_TURN, PIPELINED, is_dead, opening, opens_in, sending, up_to

PHASES = [Phase.BANNER, Phase.EHLO, Phase.STARTTLS, Phase.AUTH, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY]
WAYS = [(phase, IN_TURN) for phase in PHASES] + [(phase, PIPELINED) for phase in PHASES[4:]]
IDS = [f"{phase}{' pipelined' if features is PIPELINED else ''}" for phase, features in WAYS]
every_phase = pytest.mark.parametrize(("phase", "features"), WAYS, ids=IDS)
TIMEOUT_NAME = {Phase.BODY: "final"}


@every_phase
def test_a_cut_connection_is_told_by_its_phase(run, phase: Phase, features) -> None:
    async def talk() -> None:
        if opens_in(phase):
            failed = await opening(peer, phase)
            assert (failed.phase, failed.failure, failed.reply) == (phase, Failure.CUT, None)
            return
        session, told = await sending(peer)
        assert (told.phase, told.failure, told.final) == (phase, Failure.CUT, None)
        assert told.dot_written == told.unknowable == (phase is Phase.BODY)
        await is_dead(session)

    with Peer(up_to(phase, features, Line.cut)) as peer:
        run(talk())
    assert peer.errors == []


@every_phase
def test_a_stalled_peer_is_left_in_time(run, phase: Phase, features) -> None:
    async def talk() -> None:
        timeouts = impatient(TIMEOUT_NAME.get(phase, phase.value))
        if opens_in(phase):
            failed = await opening(peer, phase, timeouts)
            assert (failed.phase, failed.failure) == (phase, Failure.TIMEOUT)
            return
        session, told = await sending(peer, timeouts)
        assert (told.phase, told.failure, told.final) == (phase, Failure.TIMEOUT, None)
        assert told.dot_written == (phase is Phase.BODY)
        await is_dead(session)

    with Peer(up_to(phase, features, Line.stall)) as peer:
        run(talk())
    assert peer.errors == []


@every_phase
def test_421_ends_the_session_in_any_phase(run, phase: Phase, features) -> None:
    ends: list[bool] = []

    def close_channel(line: Line) -> None:
        line.say("421 4.3.2 going down")
        while line.hear() not in (b"", b"*"):  # commands of the same pipelined write; then our side closes
            pass
        ends.append(True)

    async def talk() -> None:
        if opens_in(phase):
            failed = await opening(peer, phase)
            assert (failed.phase, failed.failure) == (phase, Failure.REFUSED)
            assert failed.reply is not None and failed.reply.text == "421 4.3.2 going down"
            return
        session, told = await sending(peer)
        answers = {Phase.MAIL: told.mail, Phase.RCPT: told.rcpt, Phase.DATA: told.data, Phase.BODY: told.final}
        assert (told.phase, told.failure, told.accepted) == (phase, None, False)
        assert answers[phase] is not None and answers[phase].code == 421 and told.reply is answers[phase]
        assert all(answers[later] is None for later in list(answers)[list(answers).index(phase) + 1 :])
        await is_dead(session)

    with Peer(up_to(phase, features, close_channel)) as peer:
        run(talk())
    assert peer.errors == [] and ends == [True]


def test_421_while_idle_makes_the_session_unusable(run) -> None:
    def script(line: Line) -> None:
        line.greet()
        line.accept()
        line.say("421 4.4.2 idle for too long")
        line.stall()

    async def talk() -> None:
        session, told = await sending(peer)
        assert told.accepted
        await until(lambda: not session.usable)
        await is_dead(session)

    with Peer(script) as peer:
        run(talk())


def test_a_close_while_idle_is_noticed_without_asking(run) -> None:
    def script(line: Line) -> None:
        line.greet()
        line.accept()

    async def talk() -> None:
        session, told = await sending(peer)
        assert told.accepted
        await until(lambda: not session.usable)
        await is_dead(session)
        await session.quit()

    with Peer(script) as peer:
        run(talk())


def test_nobody_listening_is_refused_and_a_full_backlog_is_a_timeout(run) -> None:
    async def dial(port: int) -> ConnectFailure:
        with pytest.raises(ConnectFailure) as caught:
            await connect(Target("peer.test", "127.0.0.1", port, TlsMode.NONE), Source("127.0.0.1", "out.test"), impatient("connect"), CONTEXTS, SANDBOX)
        return caught.value

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    refused = run(dial(port))
    assert (refused.phase, refused.failure) == (Phase.CONNECT, Failure.REFUSED)

    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        silent = run(dial(port))
        for filler in fillers:
            filler.close()
    assert (silent.phase, silent.failure) == (Phase.CONNECT, Failure.TIMEOUT)


def test_a_source_address_that_is_not_ours_is_unreachable(run) -> None:
    async def dial(source: str) -> ConnectFailure:
        with pytest.raises(ConnectFailure) as caught:
            await connect(Target("peer.test", "127.0.0.1", 25, TlsMode.NONE), Source(source, "out.test"), impatient("connect"), CONTEXTS, SANDBOX)
        return caught.value

    for source in ("192.0.2.77", "::1"):
        failed = run(dial(source))
        assert (failed.phase, failed.failure) == (Phase.CONNECT, Failure.UNREACHABLE)
        assert source in failed.detail


def test_a_cancelled_message_takes_its_connection_with_it(run) -> None:
    """A late answer would meet the next recipient's command."""
    ended: list[bool] = []

    def script(line: Line) -> None:
        line.greet()
        line.envelope()
        line.hear_message()
        ended.append(line.wait_for_end())

    async def talk() -> None:
        session = await open_session(peer)
        task = asyncio.ensure_future(session.send(envelope(), HEAD, BODY, yes))
        await until(lambda: peer.messages)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await is_dead(session)

    with Peer(script) as peer:
        run(talk())
    assert ended == [True] and peer.errors == []
