"""A preview over recorded metrics gives the very firings that live judging gave: with gaps, little traffic, other processes, ticks that came twice."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from monitoring.alerts.judge import Comparison, Rule, What
from monitoring.alerts.judging import Judging
from monitoring.alerts.preview import preview
from monitoring.metrics.catalog import METRICS
from monitoring.metrics.models import MetricSubject, MonitoringPolicy
from monitoring.metrics.tick import Tick, beginning

pytestmark = pytest.mark.django_db
TICK = timedelta(seconds=10)
AT = beginning(datetime.now(UTC), 3600)
RULES = [
    Rule(1, METRICS["cpu_share"], "node", Comparison.ABOVE, 0.9, clear=0.8, for_s=120.0),
    Rule(2, METRICS["deferred_share"], "provider", Comparison.ABOVE, 0.3, clear=0.2, window_s=300, for_s=60.0),
    Rule(3, METRICS["jobs_failed"], "all", Comparison.ABOVE, 5, window_s=3600, for_s=0.0),
    Rule(4, METRICS["cpu_share"], "node", Comparison.NO_DATA, for_s=60.0),
    Rule(5, METRICS["cpu_share"], "node", Comparison.TIMES_MEDIAN, 1.6, at_least=0.5, for_s=300.0),
]
Values = dict[tuple[str, str], dict[str, float]]


def _days(days: float) -> Iterator[Tick]:
    chance, at, level, away = random.Random(7), AT - timedelta(days=days), 0.5, 0
    while at < AT:
        level = min(1.0, max(0.0, level + chance.uniform(-0.1, 0.1)))
        attempted = chance.choice((0, 0, 3, 30))
        values: Values = {
            ("collect_ms", "all"): {"all": 5.0}, ("cpu_share", "node"): {"1": level, "2": 1 - level}, ("attempted", "provider"): {"1": attempted},
            ("deferred", "provider"): {"1": round(attempted * level / 2)}, ("jobs_failed", "all"): {"all": float(chance.random() < 0.02)},
        }  # fmt: skip
        away = max(away - 1, 12 if chance.random() < 0.003 else 0)
        if away or chance.random() < 0.01:
            values["cpu_share", "node"].pop("2")
        if chance.random() < 0.005:
            del values["cpu_share", "node"]
        yield Tick(at, values)
        at += TICK * (chance.choice((2, 3, 5, 90)) if chance.random() < 0.02 else 1)


def _kept(ticks: Iterator[Tick]) -> list[Tick]:
    """As the store would: six digits, and hours for what is compared with its past."""
    ids = {(one.dimension, one.key): one.pk for one in (
        MetricSubject.objects.create(dimension=dimension, key=key, label=f"{dimension} {key}")
        for dimension, key in (("all", "all"), ("node", "1"), ("node", "2"), ("provider", "1"))
    )}  # fmt: skip
    found = list(ticks)
    with connection.cursor() as cursor:
        with cursor.copy("COPY monitoring_metrictick (metric, dimension, at, subjects, values) FROM STDIN") as copy:
            for tick in found:
                for (metric, dimension), of in tick.values.items():
                    copy.write_row((metric, dimension, tick.at, [ids[dimension, key] for key in of], [float(f"{value:.6g}") for value in of.values()]))
        cursor.execute("""INSERT INTO monitoring_metrichour (metric, dimension, at, subjects, values)
            SELECT metric, dimension, at, array_agg(subject ORDER BY subject), array_agg(value ORDER BY subject) FROM (
                SELECT metric, dimension, date_trunc('hour', at) AS at, u.subject, avg(u.value)::float4 AS value FROM monitoring_metrictick
                 CROSS JOIN LATERAL unnest(subjects, values) u(subject, value) WHERE metric = 'cpu_share' GROUP BY 1, 2, 3, 4) s GROUP BY 1, 2, 3""")
    return found


def _live(ticks: list[Tick]) -> dict[int, list[tuple[object, ...]]]:
    chance, judging = random.Random(8), Judging()
    found: dict[int, list[tuple[object, ...]]] = {rule.id: [] for rule in RULES}
    began: dict[tuple[int, str], tuple[object, ...]] = {}
    for tick in ticks:
        for _ in range(2 if chance.random() < 0.01 else 1):  # a tick that comes twice
            judging.see(tick, RULES)
            for rule, change in judging.judge():
                if change.what is What.FIRED:
                    began[rule.id, change.subject] = change.subject, change.since, change.at
                elif change.what is What.CLEARED:
                    found[rule.id].append((*began.pop((rule.id, change.subject)), change.at, change.worst))
        if chance.random() < 0.0005:  # another process takes over
            judging = Judging(standings=judging.standings)
    for (rule_id, subject), of in began.items():
        found[rule_id].append((*of, None, judging.standings[rule_id].subjects[subject].worst))
    return {id_: sorted(of, key=lambda one: (one[2], one[0])) for id_, of in found.items()}


@pytest.mark.parametrize("days", [0.5, pytest.param(30, marks=pytest.mark.long)])
def test_the_same_firings_to_the_tick(days: float) -> None:
    MonitoringPolicy.objects.create(pk=1, ticks_hours=24 * 32)  # more than the console lets anybody keep: this test looks at thirty days of ticks
    ticks = _kept(_days(days))
    live = _live(ticks)
    for rule in RULES:
        said = preview(rule, AT - timedelta(days=days), AT)
        assert [(one.subject, one.since, one.fired_at, one.cleared_at, one.worst) for one in said.firings] == live[rule.id][: len(said.firings)]
        assert said.count == len(live[rule.id]) > 0, rule.metric.key
        assert said.resolution == "It was recorded by ten seconds."


def test_of_the_past_that_is_kept_by_minutes_it_says_how_coarse_it_is() -> None:
    """The same breach of twenty minutes, of a time of which only minutes are kept."""
    MonitoringPolicy.objects.create(pk=1, ticks_hours=2, minutes_days=7)
    subject = MetricSubject.objects.create(dimension="node", key="1", label="north-1")
    begin = AT - timedelta(days=3)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO monitoring_metricminute (metric, dimension, at, subjects, values)
            SELECT 'cpu_share', 'node', at, ARRAY[%s], ARRAY[CASE WHEN at >= %s AND at < %s THEN 0.95 ELSE 0.2 END]::float4[]
              FROM generate_series(%s::timestamptz, %s, '1 min') at""",
            [subject.pk, begin + timedelta(hours=5), begin + timedelta(hours=5, minutes=20), begin, AT - timedelta(hours=3)],
        )
    said = preview(RULES[0], begin, AT)
    [one] = said.firings
    assert one.label == "north-1" and one.since == begin + timedelta(hours=5) and one.fired_at == one.since + timedelta(minutes=1)
    assert one.cleared_at == begin + timedelta(hours=5, minutes=20)
    assert "by a minute" in said.resolution and "average" in said.resolution
    assert preview(RULES[0], AT - timedelta(hours=1), AT).resolution == "Nothing of it was recorded in that time."
