"""Whatever comes: reading ends soon and says something, and the listener lives."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.returns.finding import Finding, Kind
from delivery.returns.meaning import meaning_of
from delivery.returns.read import read
from delivery.returns.tokens import token_of
from tests.classify.replies import book
from tests.queue.house import House
from tests.returns.arrivals import FEEDBACK, KEYS, Served, bounce, delivered, listening, path_of, state
from tests.returns.corpus import samples

SOON_S = 3.0  # a hundred times what the slowest of them takes on a machine that has nothing else to do
SEEDS = [sample.raw for sample in samples()][::7]
REPORT = b"Content-Type: multipart/report; report-type=delivery-status; boundary=b"
STATUS = b"Content-Type: message/delivery-status"
LINES = st.sampled_from([
    REPORT, STATUS, b'Content-Type: multipart/mixed; boundary=""', b"--b", b"--b--", b"", b"Content-Type: message/feedback-report",
    b"Content-Transfer-Encoding: base64", b"Action: failed", b"Status: 5.1.1", b"Final-Recipient: rfc822; \xff\x00@x",
    b"Diagnostic-Code: smtp; 550 \xf0\x9f\x92\xa9", b"Feedback-Type: abuse", b"Subject: =?utf-8?b?////?=", b": : :", b"=?x?q?=00?=",
    b"Content-Type: text/html; charset=punycode", b"Content-Type: text/plain; charset=hex", b"Return-Path: <b-00@x>", b"<a@b.example>:",
    b"This is the mail system at host x", b"From: MAILER-DAEMON", b"X-Failed-Recipients: ,,,", b"Auto-Submitted: auto-replied", b"\x00\x01\x02",
    b"Original-Envelope-Id: " + b"b-" * 200, b"\xed\xa0\x80",
])  # fmt: skip


def _reads(raw: bytes) -> Finding:
    began = time.monotonic()
    found = read(raw, KEYS.domain)
    token_of("x@y", found, KEYS)
    for told in (*found.told, found.about("a@b.example")):
        meaning = meaning_of(told, "google", book())
        assert not meaning.suppress or meaning.hard
        for text in (told.recipient, told.original, told.status, told.text):
            text.encode()  # no surrogates
            assert "\x00" not in text and len(text) <= 3_000
    assert time.monotonic() - began < SOON_S
    return found


@given(st.binary(max_size=5_000))
def test_any_bytes_are_something(raw: bytes) -> None:
    _reads(raw)


@given(st.lists(LINES, max_size=60))
@settings(max_examples=150)
def test_any_pieces_in_any_order_are_something(lines: list[bytes]) -> None:
    _reads(b"\r\n".join(lines))


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 40), st.binary(max_size=30)), max_size=6))
@settings(max_examples=150)
def test_any_damage_to_a_real_one_is_something(raw: bytes, damage: list[tuple[int, int, bytes]]) -> None:
    for place, gone, new in damage:
        raw = raw[:place] + new + raw[place + gone :]
    _reads(raw)


MANY = 500_000
HUGE = {
    "nested": b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(8_000)) + b"\r\n" * 100_000,
    "semicolons": b"Content-Type: multipart/report" + b";" * MANY,
    "parameters": b"Content-Type: multipart/report" + b"; boundary=" * 40_000,
    "fields": b"a:b\r\n" * 100_000,
    "folded": b"Subject: x\r\n" + b" y\r\n" * 100_000,
    "boundaries": REPORT + b"\r\n\r\n" + b"--b\r\n" * 100_000,
    "angles": b"From: MAILER-DAEMON\r\nContent-Type: text/html\r\n\r\n" + b"<" * MANY,
    "tags": b"From: MAILER-DAEMON\r\nContent-Type: text/html\r\n\r\n" + b"<style>" * 70_000,
    "ats": b"From: MAILER-DAEMON\r\n\r\nThis is the mail system at host\r\n" + b"a@" * 200_000,
    "dots": b"From: MAILER-DAEMON\r\n\r\nThis is the mail system at host\r\n" + b"a@" + b"b." * 200_000,
    "digits": b"From: MAILER-DAEMON\r\n\r\nThis is the mail system at host\r\n" + b"550 5.1." * 60_000,
    "letters": b"From: MAILER-DAEMON\r\n\r\nThis is the mail system at host\r\n" + b"mailbox account user address " * 17_000,
    "words": b"Subject: " + b"=?utf-8?q?a?= " * 35_000,
    "groups": REPORT + b"\r\n\r\n--b\r\n" + STATUS + b"\r\n\r\n" + b"Action: failed\r\n\r\n" * 25_000,
    "punycode": b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a-b" * 150_000,
    "base64": b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"A" * MANY,
    "tokens": b"Content-Type: message/rfc822\r\n\r\nReturn-Path: " + b"b-0123456789abcdef" * 28_000,
    "links": b"Content-Type: message/rfc822\r\n\r\nList-Unsubscribe: " + b"0123456789abcdef" * 30_000,
}  # fmt: skip


@pytest.mark.parametrize("shape", HUGE)
def test_what_is_made_to_take_long_does_not(shape: str) -> None:
    _reads(HUGE[shape])


@pytest.fixture
def served(tmp_path: Path, transactional_db: None) -> Iterator[Served]:
    with listening(tmp_path) as served:
        yield served


@pytest.mark.django_db(transaction=True)
def test_the_listener_lives_through_all_of_it(served: Served) -> None:
    (one,) = delivered(House.build(), "anna@gmail.com")
    for raw in HUGE.values():
        assert served.send(FEEDBACK, raw)[0] == 250
    _fuzz_the_session(served, path_of(one))
    assert served.send(path_of(one), bounce("anna@gmail.com"))[0] == 250
    assert state(one)[0] == "bounced"


def _fuzz_the_session(served: Served, address: str) -> None:
    """Bytes at the socket: half commands, binary, messages that end too soon."""

    words = (b"EHLO x", b"MAIL FROM:<>", b"RCPT TO:<%b>" % address.encode(), b"DATA", b"\r\n.", b"RSET", b"STARTTLS", b"QUIT", b"NOOP")

    @given(st.lists(st.one_of(st.binary(max_size=200), st.sampled_from([word + b"\r\n" for word in words])), max_size=12))
    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    def speak(pieces: list[bytes]) -> None:
        with socket.create_connection(("127.0.0.1", served.port), 10) as sock:
            try:
                for piece in pieces:
                    sock.sendall(piece)
                with contextlib.suppress(OSError):  # it may be over already
                    sock.shutdown(socket.SHUT_WR)
                sock.settimeout(10)
                while sock.recv(65536):
                    pass
            except ConnectionError:
                pass

    speak()


def test_what_nobody_understands_changes_nothing() -> None:
    assert _reads(b"").kind is Kind.UNKNOWN
    assert _reads(b"\r\n\r\n550 5.1.1 is what I dreamt of\r\n").kind is Kind.UNKNOWN
