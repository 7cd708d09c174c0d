"""Ways to come up to each phase, then to misbehave: what the tests of cuts, stalls and 421s share."""

from collections.abc import Callable

from delivery.smtp.connect import ConnectFailure
from delivery.smtp.session import Session
from delivery.smtp.target import Timeouts, TlsMode
from delivery.smtp.wire import Phase, Transcript
from tests.smtp.conftest import BODY, HEAD, PATIENT, envelope, open_session, yes
from tests.smtp.hostile import Line, Peer

Misbehave = Callable[[Line], object]
PIPELINED = ("PIPELINING", "8BITMIME")
IN_TURN = ("8BITMIME",)


def up_to(phase: Phase, features: tuple[str, ...], misbehave: Misbehave) -> Callable[[Line], None]:
    """A script that is a good host until it should answer in `phase`."""

    def script(line: Line) -> None:
        if phase is Phase.BANNER:
            return void(misbehave(line))
        line.say("220 peer.test ESMTP")
        if phase is Phase.EHLO:
            line.hear("EHLO")
            return void(misbehave(line))
        line.hello(*features, *(["STARTTLS"] if phase is Phase.STARTTLS else []), *(["AUTH PLAIN"] if phase is Phase.AUTH else []))
        if phase is Phase.STARTTLS:
            line.hear("STARTTLS")
            return void(misbehave(line))
        if phase is Phase.AUTH:
            line.hear("AUTH")
            return void(misbehave(line))
        for step, answer in ((Phase.MAIL, "250 2.1.0 Ok"), (Phase.RCPT, "250 2.1.5 Ok"), (Phase.DATA, "354 go on")):
            line.hear(step.value)
            if step is phase:
                return void(misbehave(line))
            line.say(answer)
        line.hear_message()
        misbehave(line)

    return script


def void(_: object) -> None:
    return None


def opens_in(phase: Phase) -> bool:
    return phase in (Phase.BANNER, Phase.EHLO, Phase.STARTTLS, Phase.AUTH)


async def opening(peer: Peer, phase: Phase, timeouts: Timeouts = PATIENT) -> ConnectFailure:
    """The failure that comes of opening a session with a peer that misbehaves before MAIL."""
    mode = TlsMode.REQUIRED if phase is Phase.STARTTLS else TlsMode.NONE
    try:
        await open_session(peer, mode, timeouts=timeouts, login=("user", "pass") if phase is Phase.AUTH else ("", ""))
    except ConnectFailure as failure:
        return failure
    raise AssertionError("a session was opened")


async def sending(peer: Peer, timeouts: Timeouts = PATIENT) -> tuple[Session, Transcript]:
    session = await open_session(peer, timeouts=timeouts)
    return session, await session.send(envelope(), HEAD, BODY, yes)


async def is_dead(session: Session) -> None:
    """It says so, and what it is asked to send all the same is refused without a byte written."""
    assert not session.usable
    again = await session.send(envelope(), HEAD, BODY, yes)
    assert again.mail is None and not again.dot_written and again.failure is not None
