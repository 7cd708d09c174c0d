"""Content and the next message's envelope in one write (RFC 2920 §3.1): a round trip a message, and each answer with its command."""

import pytest

from delivery.smtp.session import Session
from delivery.smtp.wire import Failure, Phase, Transcript
from tests.smtp.conftest import BODY, HEAD, envelope, impatient, open_session, yes
from tests.smtp.hostile import Line, Peer
from tests.smtp.ways import IN_TURN, PIPELINED, Misbehave

FIRST, SECOND = envelope("first@peer.test"), envelope("second@peer.test")


async def both(peer: Peer) -> tuple[Transcript, Transcript, Session]:
    """Two messages, the second announced with the first one's dot."""
    session = await open_session(peer)
    first = await session.send(FIRST, HEAD, BODY, yes, lambda: SECOND)
    return first, await session.send(SECOND, HEAD, BODY, yes), session


def after_two_were_asked(misbehave: Misbehave) -> Misbehave:
    """A host that hears the second envelope before it answers the first dot."""

    def script(line: Line) -> None:
        line.greet(*PIPELINED)
        line.envelope()
        line.hear_message()
        assert b"second@peer.test" in line.hear("MAIL") + line.hear("RCPT")
        line.hear("DATA")
        misbehave(line)

    return script


def test_each_answer_belongs_to_its_message(run) -> None:
    def answers(line: Line) -> None:
        line.raw(b"250 2.0.0 first\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go on\r\n")
        line.hear_message()
        line.say("250 2.0.0 second")
        line.hear("QUIT")
        line.say("221 bye")

    async def talk() -> None:
        first, second, session = await both(peer)
        assert [one.final.text for one in (first, second) if one.final] == ["250 2.0.0 first", "250 2.0.0 second"]
        assert session.sent == 2 and session.announced is None
        await session.quit()

    with Peer(after_two_were_asked(answers)) as peer:
        run(talk())
    assert peer.errors == []
    assert peer.messages == [HEAD + BODY] * 2


def test_a_refused_content_leaves_the_announced_message_alone(run) -> None:
    def answers(line: Line) -> None:
        line.say("554 5.7.1 spam")
        line.raw(b"250 ok\r\n250 ok\r\n354 go on\r\n")
        line.hear_message()
        line.say("250 2.0.0 second")
        line.stall()

    async def talk() -> None:
        first, second, session = await both(peer)
        assert first.final is not None and first.final.code == 554
        assert second.accepted
        session.abort()

    with Peer(after_two_were_asked(answers)) as peer:
        run(talk())
    assert peer.errors == []


def test_a_refused_announced_recipient_is_refused_for_itself(run) -> None:
    def answers(line: Line) -> None:
        line.say("250 2.0.0 first", "250 ok", "550 5.1.1 no such user", "503 no recipient")
        line.hear("RSET")
        line.say("250 ok")
        line.accept("250 2.0.0 third")
        line.stall()

    async def talk() -> None:
        first, second, session = await both(peer)
        assert first.accepted
        assert (second.phase, second.failure, second.dot_written) == (Phase.RCPT, None, False)
        assert second.rcpt is not None and second.rcpt.code == 550
        assert (await session.send(FIRST, HEAD, BODY, yes)).accepted
        session.abort()

    with Peer(after_two_were_asked(answers)) as peer:
        run(talk())
    assert peer.errors == []


@pytest.mark.parametrize(("said", "failure"), [("250 2.0.0 first", None), ("421 4.3.2 going down", None), ("", Failure.CUT)])
def test_a_connection_that_ends_at_the_dot_says_nothing_of_the_announced(run, said: str, failure: Failure | None) -> None:
    def answers(line: Line) -> None:
        if said:
            line.say(said)
        line.cut()

    async def talk() -> None:
        first, second, session = await both(peer)
        assert first.failure == failure
        assert (first.final.text if first.final else "") == said
        assert second.mail is None and second.failure is Failure.CUT and not second.dot_written
        assert not session.usable

    with Peer(after_two_were_asked(answers)) as peer:
        run(talk())


def test_one_answer_too_many_never_accepts_the_announced(run) -> None:
    def answers(line: Line) -> None:
        line.raw(b"250 first\r\n250 first again\r\n250 ok\r\n250 ok\r\n354 go on\r\n")
        line.stall()

    async def talk() -> None:
        first, second, session = await both(peer)
        assert first.accepted
        assert not second.accepted and not second.dot_written and second.failure is Failure.PROTOCOL
        assert not session.usable

    with Peer(after_two_were_asked(answers)) as peer:
        run(talk())


def test_a_host_that_stalls_at_the_announced_times_out_there(run) -> None:
    def answers(line: Line) -> None:
        line.say("250 2.0.0 first")
        line.stall()

    async def talk() -> None:
        session = await open_session(peer, timeouts=impatient("mail"))
        assert (await session.send(FIRST, HEAD, BODY, yes, lambda: SECOND)).accepted
        second = await session.send(SECOND, HEAD, BODY, yes)
        assert (second.phase, second.failure) == (Phase.MAIL, Failure.TIMEOUT)

    with Peer(after_two_were_asked(answers)) as peer:
        run(talk())


def test_who_does_not_pipeline_is_told_nothing_early(run) -> None:
    def script(line: Line) -> None:
        line.greet(*IN_TURN)
        line.accept()
        line.accept()
        line.stall()

    async def talk() -> None:
        session = await open_session(peer)
        for one in (FIRST, SECOND):
            assert (await session.send(one, HEAD, BODY, yes, lambda: SECOND)).accepted
            assert session.announced is None
        session.abort()

    with Peer(script) as peer:
        run(talk())
    assert peer.errors == []


def test_without_a_lease_neither_the_dot_nor_the_next_envelope_is_written(run) -> None:
    asked: list[int] = []

    def script(line: Line) -> None:
        line.greet(*PIPELINED)
        line.envelope()
        assert line.hear_message() == b""

    async def talk() -> None:
        session = await open_session(peer)
        fenced = await session.send(FIRST, HEAD, BODY, lambda: False, lambda: asked.append(1))  # type: ignore[func-returns-value]
        assert fenced.failure is Failure.FENCED and not asked

    with Peer(script) as peer:
        run(talk())
    assert not any(b"second" in line for line in peer.lines)


def test_an_announced_envelope_binds_the_session(run) -> None:
    """Another message, or a goodbye, in its place would be taken for its content."""

    def answers(line: Line) -> None:
        line.raw(b"250 first\r\n250 ok\r\n250 ok\r\n354 go on\r\n")
        assert line.hear_message() == b""

    async def talk(leave: bool) -> None:
        session = await open_session(peer)
        assert (await session.send(FIRST, HEAD, BODY, yes, lambda: SECOND)).accepted
        assert session.announced is SECOND
        if leave:
            await session.quit()
        else:
            with pytest.raises(RuntimeError):
                await session.send(FIRST, HEAD, BODY, yes)
            session.abort()
        assert not session.usable

    for leave in (True, False):
        with Peer(after_two_were_asked(answers)) as peer:
            run(talk(leave))
        assert peer.messages == [HEAD + BODY]
