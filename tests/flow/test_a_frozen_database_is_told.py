"""The database stops answering for half a minute, frozen or killed again and again: each zone's alarms tell people, and afterwards everything goes on."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest

from tests.flow.platform import Platform, running, wait_until

pytestmark = pytest.mark.long  # it needs a platform of its own
DOWN_S = 35.0  # people are told after 15
INCIDENTS = "SELECT id, opened_at, resolved_at, sentence FROM monitoring_incident WHERE source = 'platform:database' ORDER BY id"
TOLD = "SELECT sentence FROM monitoring_incidententry WHERE incident_id = %s AND kind = 'told' ORDER BY at"
GAPS = """
SELECT max(at - before), count(*) FROM (SELECT at, lag(at) OVER (ORDER BY at) AS before FROM monitoring_metrictick
                                         WHERE metric = 'collect_ms' AND dimension = 'all' AND at >= %s) t
"""
COUNTED = "SELECT coalesce(sum(v), 0) FROM monitoring_metrictick CROSS JOIN unnest(values) v WHERE metric = 'delivered' AND dimension = 'all' AND at >= %s"


def _servers(platform: Platform) -> list[psutil.Process]:
    """The postmaster and all that it began."""
    first = [process for process in platform.processes() if process.name() == "postgres"]
    return [*first, *(child for process in first for child in process.children(recursive=True))]


@contextmanager
def _frozen(platform: Platform) -> Iterator[None]:
    stopped = {process.pid for process in _servers(platform)}
    assert stopped
    for pid in stopped:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextmanager
def _killed(platform: Platform) -> Iterator[None]:
    """Whoever starts it again sees it die again."""
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.2):
            for process in platform.processes():
                with suppress(psutil.Error):
                    if process.name() == "postgres":
                        process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


@pytest.mark.parametrize("away", [_frozen, _killed])
def test_half_a_minute_without_the_database_is_told_by_each_zone_and_leaves_a_gap(away: object) -> None:
    with running() as platform:
        wait_until(platform.at_full_strength, 60, "engines had their IPs")
        [(begun,)] = platform.rows("SELECT platform_now()")
        wait_until(lambda: platform.rows(GAPS, begun)[0][1] >= 2, 90, "it was measured", every_s=0.5)
        platform.until(platform.send("hello@gmail.com"), "delivered")
        with away(platform):  # type: ignore[operator]
            heard = wait_until(lambda: _heard(platform, "does not answer"), DOWN_S + 25, "both zones told it", every_s=0.5)
            assert heard
            threading.Event().wait(max(0.0, DOWN_S - 20))
        wait_until(lambda: _answers(platform), 120, "the database was back", every_s=0.5)
        [(back,)] = platform.rows("SELECT platform_now()")
        incident = wait_until(lambda: platform.rows(INCIDENTS), 60, "it was written down", every_s=0.5)
        assert len(incident) == 1 and incident[0][2] is not None and (incident[0][2] - incident[0][1]).total_seconds() >= 15, incident
        wait_until(lambda: _heard(platform, "answers again"), 60, "both zones told the end", every_s=0.5)
        said = wait_until(lambda: len(found := platform.rows(TOLD, incident[0][0])) >= 4 and found, 60, "who was told is written down", every_s=0.5)
        assert {zone for zone in ("north", "south") for (words,) in said if f"from {zone}" in words} == {"north", "south"}
        wait_until(platform.at_full_strength, 90, "engines had their IPs again")
        platform.until(platform.send("again@gmail.com"), "delivered", within_s=60)
        wait_until(lambda: platform.rows(GAPS, back)[0][1] >= 2, 90, "it is measured again", every_s=0.5)
        [(gap, _)] = platform.rows(GAPS, begun)
        assert 20 <= gap.total_seconds() <= 180, "a gap, and then ticks"
        delivered = float(platform.rows(COUNTED, begun)[0][0])
        assert 0 <= delivered <= 4, "nothing is counted twice"


def _heard(platform: Platform, words: str) -> bool:
    page = platform.page("/hooks")
    return all(f"{words}, says {zone}" in page for zone in ("north", "south"))


def _answers(platform: Platform) -> bool:
    with suppress(Exception):
        return bool(platform.rows("SELECT 1"))
    return False
