"""Explorer: any metric by any dimension, of those that have most or of whom is chosen, with gaps, figures, a file, and the week before.

Wrong questions are usual ones.
"""

import csv
import json
import re
from datetime import timedelta
from html import unescape
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from mailplatform.shell.clock import now
from monitoring.metrics.catalog import METRICS, groups
from monitoring.metrics.explore import WEEK, by_the_minute, laid_over, question
from monitoring.metrics.models import MetricHour, MetricMinute, MetricSubject
from monitoring.metrics.store import Store
from monitoring.metrics.tick import Tick, beginning
from tests.alerts.people import measured, signed_in

pytestmark = pytest.mark.django_db


def page_of(client: Client, query: str) -> tuple[str, dict[str, Any]]:
    response = client.get(f"/explore/?{query}")
    assert response.status_code == 200, query
    page = unescape(response.content.decode()).replace("\xa0", " ")
    drawn = page.partition('data-chart="')[2].partition('"></div>')[0]
    return " ".join(re.sub(r"<(?!a |option|input)[^>]+>", " ", page).split()), json.loads(drawn) if drawn else {}


def test_a_metric_by_node_with_its_figures() -> None:
    measured(beginning(now()), 60)
    page, drawn = page_of(signed_in("viewer"), "metric=cpu_share&dimension=node&span=1h")
    assert [one["name"] for one in drawn["series"]] == ["north-1", "south-1"] and drawn["percent"]
    assert "CPU in use of north-1: 95 % last, 95 % at most." in page
    assert re.search(r"south-1 20 % 20 % 20 % 20 %", page)
    assert None in drawn["series"][0]["values"], "what was not measured is a gap"
    assert "/explore/data.csv?metric=cpu_share&dimension=node&top=5&span=1h" in page


def test_whoever_is_chosen_is_shown_and_the_address_asks_it_again() -> None:
    measured(beginning(now()), 30)
    client = signed_in("staff")
    page, drawn = page_of(client, "metric=cpu_share&dimension=node&subject=2&subject=gone&span=1h")
    assert [one["name"] for one in drawn["series"]] == ["south-1", "gone"]
    assert 'value="2" checked' in page and "subject=2&subject=gone&span=1h" in page
    assert "nothing of that was measured" in page_of(client, "metric=cpu_share&dimension=node&subject=gone&span=1h")[0]


def test_counts_are_by_the_minute_and_shares_of_their_window() -> None:
    measured(beginning(now()), 60)
    client = signed_in("viewer")
    page, drawn = page_of(client, "metric=attempted&dimension=provider&span=1h")
    assert drawn["unit"] == "/min" and "600 a minute" in page and "6,000" in page, "a hundred a tick, sixty ticks"
    page, drawn = page_of(client, "metric=tls_error_share&dimension=provider&span=1h")
    known = [value for value in drawn["series"][0]["values"] if value is not None]
    assert drawn["percent"] and 0.1 < known[-1] < 0.2 and "A point is the share over 5 min" in page


def test_least_and_most_are_those_of_what_was_measured() -> None:
    subject = MetricSubject.objects.create(dimension="node", key="1", label="north-1")
    at = beginning(now() - timedelta(hours=3), 60)
    MetricMinute.objects.create(metric="cpu_share", dimension="node", at=at, subjects=[subject.pk], values=[0.5], lows=[0.1], highs=[0.9])
    page, _ = page_of(signed_in("viewer"), "metric=cpu_share&dimension=node&span=24h")
    assert re.search(r"north-1 50 % 10 % 50 % 90 %", page)


def test_the_week_before_is_laid_over_this_one() -> None:
    at = now()
    subject = MetricSubject.objects.create(dimension="all", key="all", label="all")
    for hours in range(24 * 14):
        value = 100.0 if hours < 24 * 7 else 40.0
        hour = beginning(at - timedelta(hours=hours + 1), 3600)
        MetricHour.objects.create(metric="queue_ready", dimension="all", at=hour, subjects=[subject.pk], values=[value])
    page, drawn = page_of(signed_in("viewer"), "metric=queue_ready&dimension=all&span=7d&compare=yes")
    now_, before = ([value for value in one["values"] if value is not None] for one in drawn["series"])
    assert set(now_[2:]) == {100.0} and set(before[:-2]) == {40.0} and len(before) > 100, "but where the two weeks meet"
    assert [one["dash"] for one in drawn["series"]] == ["solid", "dots"] and "Week before" in page


def test_what_cannot_be_asked_is_the_usual_question() -> None:
    at = now()
    assert question({"metric": "no", "dimension": "no", "span": "no", "top": "99"}, [], at).query == "metric=queue_ready&dimension=all&subject=all&span=24h"
    assert question({"metric": "cpu_share", "dimension": "tenant"}, [], at).dimension == "all"
    for since, until in (("x", "y"), ("2026-01-02T00:00", "2026-01-01T00:00"), ("0001-01-01T00:00", "9999-01-01T00:00")):
        assert question({"span": "own", "from": since, "until": until}, [], at).span == "24h"
    own_time = question({"span": "own", "from": f"{at - WEEK:%Y-%m-%dT%H:%M}", "until": f"{at:%Y-%m-%dT%H:%M}"}, [], at)
    assert own_time.span == "own" and "from=" in own_time.query
    many = question({"metric": "cpu_share", "dimension": "node"}, [str(n) for n in range(50)] + ["\x00"], at)
    assert len(many.subjects) == 8
    client = signed_in("viewer")
    hostile = ("", "metric=<script>&span=own&from=1&until=2", "subject=%00&dimension=node&metric=cpu_share")
    for query in (*hostile, "span=1y&metric=certificate_days&dimension=endpoint"):
        assert page_of(client, query)[0]


def test_every_metric_stands_in_the_list_and_can_be_drawn_by_each_of_its_dimensions() -> None:
    assert sum(len(of) for _, of in groups()) == len(METRICS)
    client = signed_in("viewer")
    page, _ = page_of(client, "")
    assert all(f'<option value="{key}"' in page for key in METRICS)
    for metric in ("listings", "certificate_days", "queue_oldest_s", "tls_errors", "reputation_score"):
        for dimension in METRICS[metric].dimensions:
            assert client.get(f"/explore/?metric={metric}&dimension={dimension}&span=30d").status_code == 200


def test_the_file_has_every_point_and_no_formula() -> None:
    store, at = Store(), beginning(now())
    values = {("collect_ms", "all"): {"all": 1.0}, ("attempted", "tenant"): {"5": 7.0}}
    for n in range(3):
        store.keep(Tick(at - timedelta(seconds=10 * (3 - n)), values, {("tenant", "5"): "=cmd()"}))
    response = signed_in("viewer").get("/explore/data.csv?metric=attempted&dimension=tenant&span=1h")
    rows = list(csv.DictReader(StringIO(response.content.decode())))
    assert [(row["subject"], row["label"], row["value"]) for row in rows if row["value"] != "0"] == [("5", "'=cmd()", "7")] * 3
    assert "attachment" in response["Content-Disposition"]


def test_what_strangers_named_stays_text() -> None:
    Store().keep(Tick(beginning(now()), {("collect_ms", "all"): {"all": 1.0}, ("attempted", "tenant"): {"5": 7.0}}, {("tenant", "5"): "<script>x</script>"}))
    page = signed_in("viewer").get("/explore/?metric=attempted&dimension=tenant&span=1h").content.decode()
    assert "<script>x" not in page and "&lt;script&gt;x" in page


def test_the_way_to_a_rule_is_for_those_who_may_make_one() -> None:
    measured(beginning(now()), 6)
    query = "metric=cpu_share&dimension=node&subject=1&span=1h"
    shown = [page_of(signed_in(role), query)[0] for role in ("viewer", "staff")]
    assert "Make an alert" not in shown[0]
    assert "/alerts/new/?metric=cpu_share&dimension=node&subject=1" in shown[1] or "Make an alert" not in shown[1]


def test_lines_are_laid_over_whatever_their_steps_are() -> None:
    at = beginning(now(), 3600)
    before = ((at - WEEK, 1.0), (at - WEEK + timedelta(hours=1), None), (at - WEEK + timedelta(hours=2), 3.0))
    times = [at + timedelta(minutes=30 * n) for n in range(-1, 7)]
    assert [value for _, value in laid_over(before, times, WEEK)] == [None, 1.0, 1.0, None, None, 3.0, 3.0, None]
    line = ((at, 60.0), (at + timedelta(minutes=10), 30.0))
    assert [value for _, value in by_the_minute(line, at + timedelta(minutes=15))] == [6.0, 6.0], "the last step is half over"
