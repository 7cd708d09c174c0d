"""Whatever bytes come, a session answers with codes or ends; the next one is served."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from delivery.smtpd import commands
from delivery.smtpd.commands import Bad
from delivery.smtpd.limits import Limits
from delivery.smtpd.wire import new_body
from tests.smtpd.listening import Noting, Raw, Served, serving

REPLY = re.compile(r"(?:(?:[245]\d\d) (?:[245]\.\d{1,3}\.\d{1,3}) [ -~]*|250-[ -~]*\|.*|354 Go on|334 .*|250 \S+)\Z")
COMMANDS = (b"EHLO me", b"HELO", b"MAIL FROM:<a@b.example>", b"RCPT TO:<c@d.example>", b"DATA", b"RSET", b"NOOP", b"STARTTLS", b"AUTH PLAIN", b"VRFY", b"QUIT")
PARTS = (b".", b"MAIL FROM:", b"SIZE=99999999999999999999", b"SMTPUTF8", b"BODY=8BITMIME", b"<>", b"@", b"\xff", b"\0")
WORDS = st.sampled_from(COMMANDS + PARTS)
LINES = st.lists(st.lists(st.one_of(WORDS, st.binary(max_size=20)), min_size=1, max_size=3).map(b" ".join), max_size=12)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    limits = Limits(message_bytes=10_000, bad_commands=1_000)
    folder: Path = tmp_path_factory.mktemp("fuzz")
    with serving(Noting(), folder, limits) as served:
        yield served


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, ends=st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"]))
@example(lines=[b"EHLO me", b"MAIL FROM:<" + b"a" * 3_000 + b">"], ends=b"\r\n")
@example(lines=[b"EHLO me", b'MAIL FROM:<"' + b"\\\\" * 400 + b'>'], ends=b"\r\n")
def test_every_line_is_answered(served: Served, lines: list[bytes], ends: bytes) -> None:
    with Raw(served.port) as client:
        client.say(ends.join([*lines, b""]) + b"\r\n.\r\nQUIT\r\n")
        with contextlib.suppress(OSError):  # it may be over already
            client.sock.shutdown(1)
        replies = []
        while reply := client.reply():
            replies.append(reply)
        assert all(REPLY.match(reply) for reply in replies), [reply for reply in replies if not REPLY.match(reply)]
    assert served.listener.gate.held_bytes == 0
    with Raw(served.port) as another:
        assert another.ask("NOOP").startswith("250")


@given(st.text(max_size=200))
def test_what_stands_behind_a_command_is_understood_or_bad(argument: str) -> None:
    for read, prefix in ((commands.mail_from, ""), (commands.mail_from, "FROM:"), (commands.rcpt_to, "TO:")):
        try:
            read(prefix + argument, 1000)  # a size, or SMTPUTF8
        except Bad as bad:
            assert re.match(r"[45]\d\d [45]\.\d\.\d ", bad.reply) and bad.reply.isascii() and "\n" not in bad.reply


@given(st.binary(max_size=100))
def test_what_stands_in_auth_is_understood_or_bad(blob: bytes) -> None:
    for read in (commands.plain, commands.word):
        try:
            read(blob)
        except Bad as bad:
            assert bad.reply.startswith("501 5.")


PIECES = st.lists(st.sampled_from([b".", b"\r\n", b"\r", b"\n", b"x", b"..", b"\r\n."]), max_size=40).map(b"".join)


@settings(max_examples=300)
@given(content=PIECES, cuts=st.lists(st.integers(0, 80), max_size=6), rest=st.sampled_from([b"", b"MAIL FROM:<>\r\n"]))
def test_a_message_is_read_as_it_was_meant_however_it_is_cut(content: bytes, cuts: list[int], rest: bytes) -> None:
    """As a client writes it (RFC 5321 §4.5.2): a dot before every line that begins with one, then the end."""
    content += b"\r\n"
    stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
    stream = stuffed + b".\r\n" + rest
    body, buffer, at = new_body(1_000), bytearray(), 0
    for cut in [*sorted(cuts), len(stream)]:
        buffer += stream[at:cut]
        at = max(at, cut)
        if not body.complete:
            body.take(buffer)
    assert body.complete and body.content() == content
    assert bytes(buffer) == rest
