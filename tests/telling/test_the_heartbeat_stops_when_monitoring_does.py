"""The dead man's switch: called as long as the platform is measured and judged, silent when it is not; what goes wrong stands on the page."""

import time
from datetime import datetime, timedelta

import pytest

from mailplatform.shell.clock import now
from mailplatform.shell.models import Notice
from monitoring.metrics.models import MetricTick, MonitoringPolicy
from monitoring.metrics.tick import beginning
from monitoring.telling.heartbeat import Heartbeat
from monitoring.telling.heartbeat_url import keep_heartbeat
from tests.alerts.people import signed_in
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def works(at: datetime, judged: bool = True) -> None:
    """A tick was kept, and judged."""
    MetricTick.objects.get_or_create(metric="collect_ms", dimension="all", at=beginning(at), defaults={"subjects": [1], "values": [5.0]})
    if judged:
        MonitoringPolicy.objects.update(judged_at=beginning(at))


def called(beat: Heartbeat, at: datetime) -> bool:
    """Whether the URL was called at that time, and what was answered is written down."""
    beat.step(at)
    if beat._call is None:
        return False
    deadline = time.monotonic() + 60
    while beat._call is not None:
        assert time.monotonic() < deadline
        beat.step(at)
        time.sleep(0.01)
    return True


def test_it_is_called_in_its_rhythm_while_monitoring_works_and_not_when_it_stops() -> None:
    with Receiver() as outside:
        keep_heartbeat(outside.url("/very-secret"), 30, "Ada")
        beat, at = Heartbeat(), now()
        assert not called(beat, at), "nothing was measured yet"
        works(at)
        later = at + timedelta(seconds=10)
        assert called(beat, later) and [one.path for one in outside.heard] == ["/very-secret"]
        assert not called(beat, later + timedelta(seconds=20)), "its time has not come"
        assert called(beat, later + timedelta(seconds=31))
        assert MonitoringPolicy.objects.get().heartbeat_problem == ""
        stopped = at + timedelta(seconds=90)
        assert not called(beat, stopped), "nothing was measured for more than a minute"
        works(stopped, judged=False)
        assert not called(beat, stopped + timedelta(seconds=6)), "it is measured, but nobody judges"
        MonitoringPolicy.objects.update(judging=False)
        assert called(beat, stopped + timedelta(seconds=12)), "judging is switched off: that is no failure"
        assert len(outside.heard) == 3


def test_what_goes_wrong_stands_on_the_page_without_the_url_and_ends_when_it_works() -> None:
    with Receiver(answers=lambda _: (503, {}, b"")) as outside:
        keep_heartbeat(outside.url("/very-secret"), 10, "Ada")
        beat, at, client = Heartbeat(), now(), signed_in("viewer")
        works(at)
        assert called(beat, at)
        page = client.get("/channels/").content.decode()
        assert "it answered 503" in page and "failing" in page and "very-secret" not in page
        assert "503" in Notice.objects.get(kind="heartbeat", cleared_at=None).sentence
        outside.answers = lambda _: (204, {}, b"")
        works(at + timedelta(seconds=20))
        assert called(beat, at + timedelta(seconds=20))
        assert "it answered 503" not in client.get("/channels/").content.decode()
        assert not Notice.objects.filter(kind="heartbeat", cleared_at=None)
