"""Peers that talk nonsense, too much, or out of turn: protocol failures, never a verdict on somebody's mail."""

import resource

import pytest

from delivery.smtp.connect import ConnectFailure
from delivery.smtp.target import TlsMode
from delivery.smtp.wire import Failure, Phase
from tests.smtp.conftest import BODY, HEAD, envelope, open_session, until, yes
from tests.smtp.hostile import Line, Peer
from tests.smtp.ways import IN_TURN, PIPELINED, is_dead, opening, opens_in, sending, up_to

NOISE = {
    "1 MB without newline": b"250 " + b"x" * (1 << 20),
    "1 MB of nothing": b"\0" * (1 << 20),
    "a reply without end": b"250-and so on\r\n" * 80_000,
    "no code": b"hello there\r\n",
    "a code of letters": b"2x0 ok\r\n",
    "a code out of range": b"999 what\r\n",
    "an empty line": b"\r\n",
    "broken utf-8": b"\xff\xfe\xc3\x28 \x80\r\n",
    "digits that are none": "٢٥٠ ok\r\n".encode(),
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}
noise = pytest.mark.parametrize("rubbish", NOISE.values(), ids=NOISE.keys())
PHASES = [Phase.BANNER, Phase.EHLO, Phase.STARTTLS, Phase.MAIL, Phase.BODY]


@noise
@pytest.mark.parametrize("phase", PHASES)
def test_noise_is_a_protocol_failure(run, phase: Phase, rubbish: bytes) -> None:
    def rave(line: Line) -> None:
        line.raw(rubbish)
        line.stall()

    async def talk() -> None:
        if opens_in(phase):
            failed = await opening(peer, phase)
            assert (failed.phase, failed.failure, failed.reply) == (phase, Failure.PROTOCOL, None)
            return
        session, told = await sending(peer)
        assert (told.phase, told.failure, told.final) == (phase, Failure.PROTOCOL, None)
        assert told.dot_written == (phase is Phase.BODY)
        await is_dead(session)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Peer(up_to(phase, PIPELINED, rave)) as peer:
        run(talk())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # KB


@pytest.mark.parametrize("said", [b"no \0 such\x07 \x1b[31muser", b"caf\xc3\xa9 \xff\xfe\xed\xa0\x80", "\u202egro.elpmaxe \x85 \u2028".encode(), b"x" * 5000])
def test_a_refusal_in_dirty_words_stands_and_comes_clean(run, said: bytes) -> None:
    def refuse(line: Line) -> None:
        line.say(b"550-5.1.1 " + said, b"550 5.1.1 " + said)

    async def talk() -> None:
        session, told = await sending(peer)
        assert (told.phase, told.failure) == (Phase.RCPT, None)
        assert told.rcpt is not None and told.rcpt.code == 550 and told.rcpt.enhanced == "5.1.1"
        assert told.rcpt.text.startswith("550 5.1.1 ") and told.rcpt.text.isprintable() and len(told.rcpt.text) <= 2000
        told.rcpt.text.encode()
        assert all(len(line) <= 2048 for line in told.rcpt.lines)
        session.abort()

    with Peer(up_to(Phase.RCPT, IN_TURN, refuse)) as peer:
        run(talk())


def test_an_answer_to_ehlo_before_ehlo_ends_it(run) -> None:
    def script(line: Line) -> None:
        line.raw(b"220 peer.test\r\n250 hello in advance\r\n")
        line.stall()

    async def talk() -> None:
        failed = await opening(peer, Phase.BANNER)
        assert (failed.phase, failed.failure) == (Phase.BANNER, Failure.PROTOCOL)

    with Peer(script) as peer:
        run(talk())
    assert peer.lines == []


def test_answers_in_advance_are_no_answers(run) -> None:
    """They come while nothing was asked: it is over before the first MAIL, sooner or later than `connect` is done."""

    def script(line: Line) -> None:
        line.greet()
        line.raw(b"250 ok\r\n250 ok\r\n354 go\r\n250 accepted\r\n")
        line.stall()

    async def talk() -> None:
        try:
            session = await open_session(peer)
        except ConnectFailure as failed:
            assert (failed.phase, failed.failure) == (Phase.EHLO, Failure.PROTOCOL)
        else:
            await until(lambda: not session.usable)
            await is_dead(session)

    with Peer(script) as peer:
        run(talk())
    assert not any(line.startswith(b"MAIL") for line in peer.lines)


@pytest.mark.parametrize("features", [IN_TURN, PIPELINED], ids=["in turn", "pipelined"])
def test_yes_before_the_message_is_not_taken_for_acceptance(run, features) -> None:
    def script(line: Line) -> None:
        line.greet(*features)
        line.hear("MAIL")
        line.say("250 ok")
        line.hear("RCPT")
        line.say("250 ok")
        line.hear("DATA")
        line.raw(b"354 go on\r\n250 2.0.0 accepted, trust me\r\n")
        assert line.wait_for_end()

    async def talk() -> None:
        session, told = await sending(peer)
        assert (told.phase, told.failure, told.final, told.dot_written) == (Phase.DATA, Failure.PROTOCOL, None, False)
        await is_dead(session)

    with Peer(script) as peer:
        run(talk())
    assert peer.messages == []


def test_refusals_too_many_refuse_nobody(run) -> None:
    """Four answers to three commands: which is whose cannot be known, so no recipient is called unknown."""

    def script(line: Line) -> None:
        line.greet(*PIPELINED)
        for command in ("MAIL", "RCPT", "DATA"):
            line.hear(command)
        line.raw(b"250 ok\r\n550 5.1.1 unknown\r\n503 no\r\n250 one more\r\n")
        line.stall()

    async def talk() -> None:
        session, told = await sending(peer)
        assert told.failure is Failure.PROTOCOL and told.reply is None
        await is_dead(session)

    with Peer(script) as peer:
        run(talk())


def test_one_answer_too_many_after_the_dot_accepts_and_ends(run) -> None:
    def script(line: Line) -> None:
        line.greet(*PIPELINED)
        line.envelope()
        line.hear_message()
        line.raw(b"250 2.0.0 queued\r\n250 for the next one\r\n")
        line.stall()

    async def talk() -> None:
        session, told = await sending(peer)
        assert told.accepted and told.final is not None and told.final.text == "250 2.0.0 queued"
        await is_dead(session)

    with Peer(script) as peer:
        run(talk())


@pytest.mark.parametrize(
    ("phase", "answer", "dot_written"),
    [
        (Phase.MAIL, "354 go on", False),
        (Phase.RCPT, "354 go on", False),
        (Phase.DATA, "250 ok", False),
        (Phase.BODY, "354 more", True),
        (Phase.BODY, "334 what", True),
    ],
)
def test_an_answer_that_does_not_fit_its_command_is_no_answer(run, phase: Phase, answer: str, dot_written: bool) -> None:
    def script(line: Line) -> None:
        up_to(phase, IN_TURN, lambda line: line.say(answer))(line)
        line.stall()

    async def talk() -> None:
        session, told = await sending(peer)
        assert (told.phase, told.failure, told.final, told.dot_written) == (phase, Failure.PROTOCOL, None, dot_written)
        await is_dead(session)

    with Peer(script) as peer:
        run(talk())


def test_a_lone_dot_ends_data_that_no_recipient_was_for(run) -> None:
    """RFC 2920 §3.1. Its answer, even a yes, is nobody's; the next message goes through."""

    def script(line: Line) -> None:
        line.greet(*PIPELINED)
        line.hear("MAIL")
        line.hear("RCPT")
        line.hear("DATA")
        line.raw(b"250 ok\r\n550 5.1.1 unknown\r\n354 go on all the same\r\n")
        assert line.hear_message() == b""
        line.say("250 2.0.0 accepted nothing for nobody")
        line.hear("RSET")
        line.say("250 ok")
        line.accept()
        line.stall()

    async def talk() -> None:
        session, told = await sending(peer)
        assert (told.phase, told.failure, told.dot_written, told.accepted) == (Phase.RCPT, None, False, False)
        assert session.usable
        assert (await session.send(envelope(), HEAD, BODY, yes)).accepted
        session.abort()

    with Peer(script) as peer:
        run(talk())
    assert peer.errors == [] and peer.messages == [b"", HEAD + BODY]


def test_a_refused_rset_ends_the_session(run) -> None:
    def script(line: Line) -> None:
        line.greet(*PIPELINED)
        for answer in ("250 ok", "550 5.1.1 unknown", "503 no"):
            line.hear()
            line.say(answer)
        line.hear("RSET")
        line.say("500 what is that", "250 ok", "250 ok", "354 go on")
        line.stall()

    async def talk() -> None:
        session, told = await sending(peer)
        assert told.phase is Phase.RCPT and session.usable
        second = await session.send(envelope(), HEAD, BODY, yes)
        assert (second.phase, second.failure, second.reply) == (Phase.MAIL, Failure.PROTOCOL, None)
        await is_dead(session)

    with Peer(script) as peer:
        run(talk())


def test_helo_is_for_peers_that_need_not_be_secured(run) -> None:
    def script(line: Line) -> None:
        line.say("220 old.test")
        line.hear("EHLO")
        line.say("502 5.5.1 not implemented")
        if line.hear().startswith(b"HELO"):
            line.say("250 old.test")
            line.accept()
            line.stall()

    async def talk() -> None:
        session = await open_session(peer)
        told = await session.send(envelope(), HEAD, BODY, yes)
        assert told.accepted and session.features.pipelining is False
        session.abort()

    async def secured() -> None:
        failed = await opening_secured(peer)
        assert (failed.phase, failed.failure) == (Phase.EHLO, Failure.TLS_NOT_OFFERED)

    with Peer(script) as peer:
        run(talk())
        assert b"MAIL FROM:<bounce@sender.test>" in peer.lines
        run(secured())


async def opening_secured(peer: Peer) -> ConnectFailure:
    with pytest.raises(ConnectFailure) as caught:
        await open_session(peer, TlsMode.REQUIRED)
    return caught.value


@pytest.mark.parametrize("banner", ["554 5.7.1 your address is listed", "450 4.7.1 greylisted"])
def test_a_refusing_banner_is_told_with_its_words(run, banner: str) -> None:
    async def talk() -> None:
        failed = await opening(peer, Phase.BANNER)
        assert (failed.phase, failed.failure) == (Phase.BANNER, Failure.REFUSED)
        assert failed.reply is not None and failed.reply.text == banner

    with Peer(lambda line: line.say(banner)) as peer:
        run(talk())
