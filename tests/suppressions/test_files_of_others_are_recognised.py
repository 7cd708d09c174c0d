"""Exports of SendGrid, Amazon SES, Postmark and Mailgun are known by their columns and mean what they meant there; any encoding, any line end."""

import codecs
from datetime import UTC, datetime

import pytest
from django.test import Client

from delivery.models import Suppression
from tests.api.world import Sender
from tests.suppressions.files import FILES, imported, listed, post


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_recognised_and_mapped_to_our_reasons(client: Client, acme: Sender, name: str) -> None:
    file, format_, expected = FILES[name]
    result = imported(client, acme, file)
    assert (result["state"], result["format"], result["added"], result["refused"]) == ("done", format_, len(expected), 0), result
    found = listed(acme)
    assert {address: reason for address, (reason, _) in found.items()} == {address: reason for address, (reason, _) in expected.items()}
    assert all(part in found[address][1] for address, (_, part) in expected.items()), found


def test_times_of_the_file_are_kept(client: Client, acme: Sender) -> None:
    imported(client, acme, FILES["SendGrid spam reports"][0])
    imported(client, acme, b"address,created_at\nb@gmail.com,2999-01-01T00:00:00Z\nc@gmail.com,\"Fri, 21 Oct 2011 11:02:55 GMT\"\n")
    at = dict(Suppression.objects.values_list("address", "created_at"))
    assert at["a@gmail.com"] == datetime(2015, 9, 30, 22, 12, 21, tzinfo=UTC) and at["c@gmail.com"].year == 2011
    assert (datetime.now(UTC) - at["b@gmail.com"]).total_seconds() < 300, "what lies in the future is now"


@pytest.mark.parametrize("encode", [
    lambda text: codecs.BOM_UTF8 + text.encode(), lambda text: text.encode("utf-16"), lambda text: text.encode("utf-16-be"),
    lambda text: text.encode("latin-1"), lambda text: text.replace("\n", "\r").encode(),
])  # fmt: skip
def test_encodings_and_line_ends_are_told_apart(client: Client, acme: Sender, encode) -> None:
    text = "email,reason,status,created\n" + "".join(f"p{n}@gmail.com,Postfach existiert nicht: Grüße {n},5.1.1,1443651141\n" for n in range(30))
    result = imported(client, acme, encode(text))
    assert (result["format"], result["added"], result["refused"]) == ("sendgrid_bounces", 30, 0), result
    assert "Grüße 7" in listed(acme)["p7@gmail.com"][1]


def test_latin_1_is_said(client: Client, acme: Sender) -> None:
    assert imported(client, acme, b"a@gmail.com\nb@gmail.com\xe9\n")["encoding"] == "latin-1"


def test_a_chosen_reason_and_stream_hold_for_rows_that_say_none(client: Client, acme: Sender) -> None:
    imported(client, acme, b"a@gmail.com\n", reason="unsubscribe", stream="news")
    imported(client, acme, b"email,reason\nb@gmail.com,bounce\nc@gmail.com,unsubscribed\nd@gmail.com,asked by phone\n", reason="manual", stream="news")
    rows = {row.address: (row.reason, row.stream.name if row.stream else None, row.detail) for row in Suppression.objects.all()}
    assert rows == {
        "a@gmail.com": ("unsubscribe", "news", ""), "b@gmail.com": ("bounce", None, ""), "c@gmail.com": ("unsubscribe", "news", ""),
        "d@gmail.com": ("manual", "news", "asked by phone"),
    }  # fmt: skip


@pytest.mark.parametrize(("file", "says"), [
    (b"\n", "No column"), (b"name,age\nAnna,5\n", "No column"), (b"[1, 2", "not JSON"), (b'{"a": 1}', "no list"), (b"\x89PNG\r\n\x1a\n\0\0\0", "No column"),
])  # fmt: skip
def test_what_holds_no_addresses_is_refused_and_stores_nothing(client: Client, acme: Sender, file: bytes, says: str) -> None:
    answer = post(client, acme, file)
    assert answer.status_code == 422 and says in answer.json()["detail"]
    assert acme.get(client, "suppressions/imports").json()["data"] == []
