"""Parsing, pure: addresses in their forms, international names, raw messages, defaults; and what is one campaign."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from email.policy import default
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.submit.addresses import parse_address
from delivery.submit.compose import compose
from delivery.submit.fingerprint import fingerprint
from delivery.submit.parse import parse
from delivery.submit.submission import Address, Submission
from delivery.submit.wrong import Wrong
from mailplatform.shell.problems import Problem

NOW = datetime(2026, 1, 31, 8, 30, tzinfo=UTC)
MB = 1024 * 1024
ID = UUID("0193a5f2-7c1e-7b42-9d1a-5e8f2c000000")


def understood(**data: Any) -> Submission:
    found = parse({"from": "news@acme.example", "to": "anna@gmail.com", "text": "hi", **data}, NOW, MB)
    assert isinstance(found, Submission), found
    return found


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a@b.example", Address("a", "b.example")),
        ("  a@b.example ", Address("a", "b.example")),
        ("<a@b.example>", Address("a", "b.example")),
        ("Anna Ä <a@b.example>", Address("a", "b.example", "Anna Ä")),
        ('"Doe, John" <J.Doe+x@B.Example>', Address("J.Doe+x", "b.example", "Doe, John")),
        ('"say \\"hi\\"" <a@b.example>', Address("a", "b.example", 'say "hi"')),
        ("a@bücher.example", Address("a", "xn--bcher-kva.example")),
        ("a@例え.テスト", Address("a", "xn--r8jz45g.xn--zckzah")),
        ("jörg@b.example", Address("jörg", "b.example")),
        ("👩‍🚀 Astrid <a@b.example>", Address("a", "b.example", "👩‍🚀 Astrid")),
    ],
)
def test_addresses_in_their_forms(written: str, meant: Address) -> None:
    assert parse_address(written) == meant


@given(st.text(max_size=60) | st.from_regex(r"[a-z@<>\" ,.\\]{0,30}", fullmatch=True))
def test_any_text_is_an_address_or_a_sentence(text: str) -> None:
    try:
        found = parse_address(text)
    except Wrong as no:
        assert str(no).endswith(".") or "(" in str(no)
    else:
        assert parse_address(found.addr).addr == found.addr
        assert not set("\r\n\0 <>\"") & set(found.addr)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["filename", "content", "X-A", "a"]), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = ("from", "to", "cc", "bcc", "reply_to", "subject", "text", "html", "headers", "attachments", "stream", "tags", "metadata", "send_at", "raw", "x")


@given(st.dictionaries(st.sampled_from(_FIELDS), _JSON))
def test_whatever_comes_is_a_submission_or_named_problems(data: dict[str, Any]) -> None:
    found = parse(data, NOW, MB)
    if isinstance(found, Submission):
        compose(found, ID, NOW)
    else:
        assert found
        assert all(isinstance(each, Problem) and each.field and each.problem for each in found)


def test_an_address_named_twice_gets_one_delivery() -> None:
    found = understood(to=["anna@gmail.com", "Anna <anna@GMAIL.com>"], cc="anna@gmail.com", bcc=["ANNA@gmail.com"])
    assert [(each.address.addr, each.role) for each in found.recipients] == [("anna@gmail.com", "to"), ("ANNA@gmail.com", "bcc")]


def test_a_time_is_understood_in_its_zone_and_the_past_is_now() -> None:
    assert understood(send_at="2026-01-31t10:30:00.5+01:00").send_at == datetime(2026, 1, 31, 9, 30, 0, 500_000, tzinfo=UTC)
    later = NOW.astimezone(timezone(timedelta(hours=-5))) + timedelta(days=7)
    assert understood(send_at=later.isoformat()).send_at == later
    assert understood(send_at="2026-01-31T08:29:59Z").send_at is None
    assert understood(send_at="0001-01-01T00:00:00+23:59").send_at is None


def test_a_file_without_a_type_gets_its_names() -> None:
    found = understood(attachments=[{"filename": "a.pdf", "content": ""}, {"filename": "strange", "content": "aGk="}])
    assert [each.content_type for each in found.attachments] == ["application/pdf", "application/octet-stream"]


RAW = (
    b"From: =?utf-8?q?N=C3=A4ws?= <news@acme.example>\r\nTo: anna@gmail.com,\r\n  Bob <bob@x.example>\r\nBcc: dora@x.example\r\n"
    b"Subject: =?utf-8?b?SGnDpA==?=\r\nX-Mailplatform-Id: 7\r\nReturn-Path: <x@x.example>\r\n\r\nhello\r\n.\r\nworld"
)


def raw(data: bytes, **more: Any) -> Any:
    return parse({"raw": base64.b64encode(data).decode(), **more}, NOW, MB)


def test_a_raw_message_says_itself_who_gets_it() -> None:
    found = raw(RAW)
    assert (found.sender, found.subject) == (Address("news", "acme.example", "Näws"), "Hiä")
    assert [(each.address.addr, each.role) for each in found.recipients] == [("anna@gmail.com", "to"), ("bob@x.example", "to"), ("dora@x.example", "bcc")]


def test_a_raw_message_goes_out_whole_but_for_what_must_not() -> None:
    composed = compose(raw(RAW), ID, NOW)
    head, body = composed.mime[: composed.head_length], composed.mime[composed.head_length + 2 :]
    assert body == b"hello\r\n.\r\nworld\r\n"
    for gone in (b"dora", b"Bcc", b"Return-Path", b"X-Mailplatform"):
        assert gone not in head
    assert head.startswith(b"From: =?utf-8?q?N=C3=A4ws?= <news@acme.example>\r\nTo: anna@gmail.com,\r\n  Bob <bob@x.example>\r\nSubject: ")
    assert f"Message-ID: <{ID}@acme.example>\r\n".encode() in head
    assert b"Date: Sat, 31 Jan 2026 08:30:00 +0000\r\n" in head


def test_to_beside_a_raw_message_decides_alone() -> None:
    assert [each.address.addr for each in raw(RAW, to="only@x.example").recipients] == ["only@x.example"]


def test_a_raw_message_beyond_ascii_says_what_it_needs() -> None:
    composed = compose(raw("From: jörg@acme.example\r\nTo: a@x.example\r\n\r\ngrüße\r\n".encode()), ID, NOW)
    assert (composed.needs_8bit, composed.needs_smtputf8) == (True, True)


@given(st.binary(max_size=200) | st.from_regex(rb"From: [ -~]{0,60}\r\n(To: [ -~]{0,40}\r\n)?\r\n[ -~]{0,20}", fullmatch=True))
def test_any_bytes_are_a_raw_message_or_a_problem(data: bytes) -> None:
    found = raw(data)
    if isinstance(found, Submission):
        assert found.sender.addr.encode() in data.lower() or not found.sender.addr.isascii() or found.sender.local.encode() in data
    else:
        assert {each.field for each in found} <= {"raw", "to"}


@given(st.from_regex(r"([A-Za-z!#'*+/^_{|}~-]{1,8} ){0,3}(<[a-z+=?.]{1,9}@[a-z.-]{1,9}>|[a-z=?.]{1,9}@[a-z.-]{1,9})", fullmatch=True))
def test_a_plain_mailbox_in_a_raw_message_is_read_as_the_standard_library_reads_it(written: str) -> None:
    found = raw(f"From: {written}\r\nTo: a@x.example\r\n\r\nhello\r\n".encode())
    if isinstance(found, Submission):
        (expected,) = default.header_factory("from", written).addresses
        assert (found.sender.addr, found.sender.name) == (f"{expected.username}@{expected.domain}", expected.display_name)


def test_copies_of_one_campaign_have_one_fingerprint() -> None:
    one = fingerprint(1, 2, "Order 17", "Hi anna@gmail.com see https://x.example/?u=abc", None)
    assert one == fingerprint(1, 2, "Order 9041", "Hi bob@web.example see https://x.example/?u=zzz", None)
    assert len({one, fingerprint(1, 3, "Order 17", "Hi", None), fingerprint(2, 2, "Order 17", "Hi", None), fingerprint(1, 2, "Bill 17", "Hi", None)}) == 4
    assert 0 <= one < 2**63
