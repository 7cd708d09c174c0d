"""Export: streamed, filtered, safe to open in a spreadsheet, and an import of it gives the same list again."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from delivery.models import Suppression
from delivery.suppressions.export import PAGE
from mailplatform.shell.clock import now
from pools.models import Stream
from tests.api.world import Sender
from tests.suppressions.files import imported

HOSTILE = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "'=1", "''", 'a "quote", and more', "line\nbreak", "Grüße", "; ,"]


def export(client: Client, sender: Sender, **params: str) -> bytes:
    answer = sender.get(client, "suppressions/export", **params)
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/csv") and "attachment" in answer["Content-Disposition"]
    assert answer.streaming
    return b"".join(answer.streaming_content)


def add(sender: Sender, address: str, **changed: object) -> Suppression:
    return Suppression.objects.create(**{"tenant": sender.tenant, "address": address, "reason": "manual", "created_at": now(), **changed})


def rows(file: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(file.decode("utf-8-sig"))))[1:]


def everything(sender: Sender) -> list[tuple[object, ...]]:
    rows = Suppression.objects.select_related("stream").filter(tenant=sender.tenant)
    told = [(row.address, row.reason, row.stream.name if row.stream else "", row.detail, row.created_at.isoformat(timespec="milliseconds")) for row in rows]
    return sorted(told)


def test_a_round_trip_changes_nothing(client: Client, acme: Sender) -> None:
    news = Stream.objects.get(tenant=acme.tenant, name="news")
    for number, detail in enumerate(HOSTILE):
        reason = Suppression.Reason.values[number % 4]
        at = datetime(2024, 1, 2 + number, tzinfo=UTC)
        add(acme, f"p{number}@gmail.com", detail=detail, reason=reason, stream=news if number % 3 == 0 else None, created_at=at)
    for address in ("=1+1@gmail.com", "'=x@gmail.com", "-dash@gmail.com", "ünï@gmail.com"):
        add(acme, address)
    before, file = everything(acme), export(client, acme)
    assert imported(client, acme, file)["already_there"] == len(before)
    Suppression.objects.all().delete()
    result = imported(client, acme, file)
    assert (result["format"], result["added"], result["refused"]) == ("ours", len(before), 0), result
    assert everything(acme) == before


def test_no_cell_begins_with_a_formula(client: Client, acme: Sender) -> None:
    for number, detail in enumerate(HOSTILE):
        add(acme, f"+{number}@gmail.com", detail=detail)
    cells = [cell for row in rows(export(client, acme)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_it_holds_one_tenants_alone(client: Client, acme: Sender, other: Sender) -> None:
    add(acme, "ours@gmail.com")
    add(other, "theirs@gmail.com")
    assert [row[0] for row in rows(export(client, acme))] == ["ours@gmail.com"]


@pytest.mark.parametrize(("params", "expected"), [
    ({"reason": "bounce"}, {"a@gmail.com"}), ({"stream": "news"}, {"b@gmail.com"}),
    ({"contains": "GMX"}, {"c@gmx.de"}), ({"address": "A@gmail.com"}, {"a@gmail.com"}),
    ({"since": "2026-01-01T00:00:00Z"}, {"b@gmail.com", "c@gmx.de"}), ({"reason": "bounce", "contains": "gmx"}, set()),
])  # fmt: skip
def test_the_lists_filters_hold_for_both(client: Client, acme: Sender, params: dict[str, str], expected: set[str]) -> None:
    add(acme, "a@gmail.com", reason="bounce", created_at=datetime(2025, 1, 1, tzinfo=UTC))
    add(acme, "b@gmail.com", reason="unsubscribe", stream=Stream.objects.get(tenant=acme.tenant, name="news"))
    add(acme, "c@gmx.de")
    assert {row[0] for row in rows(export(client, acme, **params))} == expected
    assert {row["address"] for row in acme.get(client, "suppressions", **params).json()["data"]} == expected


@pytest.mark.parametrize(
    ("params", "field"),
    [({"reason": "x"}, "reason"), ({"since": "yesterday"}, "since"), ({"since": "0001-01-01T00:00:00+23:59"}, "since"), ({"sice": "1"}, "sice")],
)
def test_a_filter_that_means_nothing_is_named(client: Client, acme: Sender, params: dict[str, str], field: str) -> None:
    for path in ("suppressions", "suppressions/export"):
        answer = acme.get(client, path, **params)
        assert answer.status_code == 400 and answer.json()["errors"][0]["field"] == field


def test_it_is_streamed_page_by_page(client: Client, acme: Sender, django_assert_num_queries) -> None:
    at = now() - timedelta(days=1)
    Suppression.objects.bulk_create(
        [Suppression(tenant=acme.tenant, address=f"p{n}@gmail.com", reason="bounce", created_at=at) for n in range(2 * PAGE + 1)], batch_size=2000
    )
    pages = acme.get(client, "suppressions/export").streaming_content
    with django_assert_num_queries(1):
        next(pages), next(pages)
    assert sum(page.count(b"\r\n") for page in pages) == PAGE + 1
