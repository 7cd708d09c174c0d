"""dkimpy judges our signatures; hypothesis thinks up the messages."""

import dkim
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from delivery.sign.dkim import ED25519, RSA, Signer, body_hash, make_key, relaxed_body, signed_lines
from delivery.sign.keyring import sign_message
from tests.sign.ed25519_for_dkimpy import lend

lend()
KEYS = {algorithm: make_key(algorithm) for algorithm in (RSA, ED25519)}
SIGNERS = tuple(Signer("sender.test", name, algorithm, KEYS[algorithm][0]) for name, algorithm in (("e1", ED25519), ("r1", RSA)))
RECORDS = {b"r1._domainkey.sender.test.": KEYS[RSA][1].encode(), b"e1._domainkey.sender.test.": KEYS[ED25519][1].encode()}
AT_S = 1_700_000_000

HEAD = b"From: Ann <a@sender.test>\r\nTo: b@peer.test\r\nSubject: hello\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMIME-Version: 1.0\r\n\r\n"


def verdicts(message: bytes) -> list[bool]:
    """One for each signature, as an independent verifier sees it."""
    judge = dkim.DKIM(message)
    count = sum(1 for name, _ in judge.headers if name.lower() == b"dkim-signature")
    return [verdict(message, number) for number in range(count)]


def verdict(message: bytes, number: int) -> bool:
    try:
        return dkim.DKIM(message).verify(idx=number, dnsfunc=lambda name, timeout=5: RECORDS[name])
    except dkim.ValidationError:  # so it says that the body's hash differs
        return False


def signed(head: bytes, body: bytes) -> bytes:
    return sign_message(SIGNERS, head, body_hash(body), AT_S) + head + body


blanks = st.sampled_from(["", " ", "  ", "\t", " \t ", "\r\n ", "\r\n\t", " \r\n  "])
words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
values = st.lists(st.tuples(blanks, words), min_size=1, max_size=8).map(lambda parts: "".join(blank + word for blank, word in parts)).map(str.encode)
NAMES = (b"Subject SUBJECT To Cc Date Message-ID Reply-To MIME-Version Content-Type List-Unsubscribe List-Unsubscribe-Post Feedback-ID X-Own").split()
fields = st.tuples(st.sampled_from(NAMES), values, st.sampled_from([b"", b" ", b"\t"])).map(lambda parts: b"%b:%b%b\r\n" % parts)
heads = st.lists(fields, max_size=10).map(lambda rows: b"From:a@sender.test\r\n" + b"".join(rows) + b"\r\n")
lines = st.text(st.sampled_from("ab \t.=é"), max_size=12).map(str.encode)
bodies = st.lists(lines, max_size=8).map(lambda rows: b"".join(row + b"\r\n" for row in rows))


@settings(max_examples=60, deadline=None)
@given(heads, bodies)
@example(HEAD, b"")
@example(HEAD, b"\r\n\r\n\r\n")
@example(HEAD, b" \t\r\nx \t y \r\n\r\n \r\n")
@example(HEAD + b"", b"no line end at all".ljust(2000, b"x") + b"\r\n")
def test_both_signatures_verify_whatever_the_message(head: bytes, body: bytes) -> None:
    message = signed(head, body)
    assert verdicts(message) == [True, True]
    assert message.index(b"a=rsa-sha256") < message.index(b"a=ed25519-sha256")
    assert all(len(line) <= 78 for line in message[: message.index(head)].split(b"\r\n"))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.replace(b"Subject: hello", b"Subject: hullo"),
        lambda m: b"Subject: second\r\n" + m,
        lambda m: b"From: other@evil.test\r\n" + m,
        lambda m: b"Reply-To: other@evil.test\r\n" + m,
        lambda m: m.replace(b"words", b"swords"),
        lambda m: m + b"more\r\n",
    ],
    ids=["subject", "second subject", "second from", "added reply-to", "body", "longer body"],
)
def test_what_is_changed_on_the_way_no_longer_verifies(change) -> None:
    head = HEAD[:-2] + b"Reply-To: a@sender.test\r\n\r\n"
    message = signed(head, b"some words\r\n")
    assert verdicts(message) == [True, True]
    assert verdicts(change(message)) == [False, False]


def test_a_field_that_occurs_twice_is_signed_from_the_bottom_up() -> None:
    names, lines_ = signed_lines(b"From: a@b.c\r\nCc: first\r\nCc: second\r\n\r\n")
    assert lines_ == b"from:a@b.c\r\ncc:second\r\ncc:first\r\n"
    assert names == b"from:from:cc:cc:cc:subject"


def test_fields_below_the_empty_line_are_body() -> None:
    assert signed_lines(b"From: a@b.c\r\n\r\nSubject: no\r\n")[0] == b"from:from:subject"


def test_a_body_without_a_last_line_end_is_signed_as_it_will_travel() -> None:
    assert relaxed_body(b"text \t") == relaxed_body(b"text\r\n") == b"text\r\n"


def test_a_key_of_another_algorithm_is_refused() -> None:
    with pytest.raises(ValueError, match=r"e1\._domainkey\.sender\.test"):
        Signer("sender.test", "e1", ED25519, KEYS[RSA][0])


def test_a_signer_never_shows_its_key() -> None:
    assert "PRIVATE" not in repr(SIGNERS[0]) and "sender.test" in repr(SIGNERS[0])
