"""MAIL's parameters, addresses that would smuggle, messages that a peer cannot take, dots."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.smtp.commands import Commands, commands_for, has_bare_line_ends, stuffed
from delivery.smtp.features import Features, features_of
from delivery.smtp.wire import Envelope, Failure, Phase
from tests.smtp.conftest import BODY, HEAD, envelope, open_session, yes
from tests.smtp.hostile import Line, Peer

ALL = Features(pipelining=True, size=True, size_limit=1000, eightbit=True, smtputf8=True)
NONE = Features()


def test_parameters_are_said_to_who_knows_them_only() -> None:
    wide = Envelope("a@b.c", "d@e.f", 99, True, True)
    assert commands_for(wide, ALL) == Commands(b"MAIL FROM:<a@b.c> SIZE=99 BODY=8BITMIME SMTPUTF8\r\n", b"RCPT TO:<d@e.f>\r\n")
    plain = Envelope("", "d@e.f", 99, False, False)
    assert commands_for(plain, ALL) == Commands(b"MAIL FROM:<> SIZE=99\r\n", b"RCPT TO:<d@e.f>\r\n")
    assert commands_for(plain, NONE) == Commands(b"MAIL FROM:<>\r\n", b"RCPT TO:<d@e.f>\r\n")


@pytest.mark.parametrize(
    "sent",
    [Envelope("a@b.c", "d@e.f", 1, True, False), Envelope("a@b.c", "d@e.f", 1, False, True), Envelope("a@b.c", "dä@e.f", 1, False, False)],
    ids=["8bit", "smtputf8", "address"],
)
def test_what_a_peer_cannot_take_is_not_sent_to_it(sent: Envelope) -> None:
    assert commands_for(sent, NONE) is Phase.MAIL
    assert isinstance(commands_for(sent, ALL), Commands)


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_address_never_becomes_a_second_command_or_parameter(sender: str, recipient: str) -> None:
    commands = commands_for(Envelope(sender, recipient, 1, False, False), ALL)
    if isinstance(commands, Commands):
        for command in (commands.mail, commands.rcpt):
            assert command.count(b"\r") == command.count(b"\n") == 1 and b"\0" not in command


SMUGGLERS = ["a@b>\r\nDATA", "a@b> SIZE=1", "a b@c", "<a@b>", "a@b\n", "a@\0", "a\x7f@b", '"a>b"> X@c', '"a" b"@c', '"a\\"@c >', "x" * 400]


@pytest.mark.parametrize("address", SMUGGLERS)
def test_addresses_that_would_smuggle_are_refused(address: str) -> None:
    assert commands_for(Envelope("a@b.c", address, 1, False, True), ALL) is Phase.RCPT
    assert commands_for(Envelope(address, "a@b.c", 1, False, True), ALL) is Phase.MAIL


@pytest.mark.parametrize("address", ['"a b"@c.d', '"a>b"@c.d', '"a\\"b c"@d.e', "a+b@c.d", "o'neil@c.d"])
def test_unusual_addresses_are_sent_as_they_are(address: str) -> None:
    commands = commands_for(Envelope("a@b.c", address, 1, False, False), NONE)
    assert isinstance(commands, Commands) and commands.rcpt == f"RCPT TO:<{address}>\r\n".encode()


@pytest.mark.parametrize(("offer", "limit"), [("30000000", 30000000), ("", None), ("0", None), ("x", None), ("-5", None), ("9" * 400, None), ("10 20", 10)])
def test_a_size_that_is_none_is_no_limit(offer: str, limit: int | None) -> None:
    features = features_of({"size": offer})
    assert features.size and features.size_limit == limit


def unstuffed(data: bytes) -> bytes:
    """The receiver's side, RFC 5321 §4.5.2: line by line."""
    assert data.endswith(b"\r\n.\r\n") or data == b".\r\n"
    return b"".join(line[1:] if line.startswith(b".") else line for line in re.findall(rb"[^\n]*\n", data[:-3]))


@given(st.lists(st.sampled_from([b"", b".", b"..", b"a", b".a", b"a."]), max_size=12).map(lambda rows: b"".join(row + b"\r\n" for row in rows)))
def test_dots_are_doubled_on_the_way_and_nothing_else_is_changed(body: bytes) -> None:
    head = b"A: b\r\n\r\n"
    sent = stuffed(head, body)
    assert unstuffed(sent) == head + body
    assert b"\r\n.\r\n" not in sent[:-5]


def test_a_last_line_without_an_end_gets_one() -> None:
    assert stuffed(b"A: b\r\n\r\n", b"text") == b"A: b\r\n\r\ntext\r\n.\r\n"


@pytest.mark.parametrize("body", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n.\n.\r\nMAIL FROM:<x@y>\r\n", b"\n"])
def test_a_message_with_bare_line_ends_is_not_sent(run, body: bytes) -> None:
    """It could end early at a lenient peer, and what follows would be a message of the attacker's choice."""
    assert has_bare_line_ends(HEAD, body) and not has_bare_line_ends(HEAD, BODY)

    async def talk() -> None:
        session = await open_session(peer)
        told = await session.send(envelope(), HEAD, body, yes)
        assert (told.phase, told.failure, told.dot_written) == (Phase.BODY, Failure.UNSUPPORTED, False)
        assert session.usable and session.sent == 0
        session.abort()

    def script(line: Line) -> None:
        line.greet()
        assert line.wait_for_end()

    with Peer(script) as peer:
        run(talk())
    assert peer.errors == []
