"""DNS failover rehearsed against a real server: measured to the new answer, ended there; fail-back goes on after it and stands in the report."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from monitoring.dns.models import DnsChange, RecordSet
from monitoring.drills import report, start, stopwatch
from monitoring.drills.models import Drill, Fault
from tests.console.conftest import as_role
from tests.console.conftest import world as console_world
from tests.dnsfailover.conftest import named, server
from tests.dnsfailover.named import ZONE, Named
from tests.dnsfailover.rig import dns_zone, flying, record_set, until

__all__ = ["as_role", "console_world", "named", "server"]
NAME = f"api.{ZONE}"
FIRST, BACKUP = "127.0.0.5", "127.0.0.6"


@pytest.fixture
def world(console_world: Any) -> Any:
    return console_world


def ended(drill: Drill) -> bool:
    with connection.cursor() as cursor:
        stopwatch.settle(cursor)
    drill.refresh_from_db()
    return drill.state != Drill.State.RUNNING


def begun(row: RecordSet) -> Drill:
    until(lambda: RecordSet.objects.filter(pk=row.pk, state="agreed", published=[FIRST]).exists(), "it is published")
    drill = start.start("dns_failover", "operator@platform.example", NAME, 300)
    assert isinstance(drill, Drill), drill
    return drill


def says(drill: Drill) -> list[str]:
    return [moment.says for moment in report.timeline(drill)]


def test_it_ends_when_the_new_answer_is_there_and_fail_back_goes_on(named: Named, as_role: Callable[[str], Client]) -> None:
    row = record_set(dns_zone(named), {FIRST: (None, 0), BACKUP: (None, 1)}, least_between_s=1)
    with flying():
        drill = begun(row)
        until(lambda: ended(drill), "the drill has ended, long before its 300 s")
        assert (drill.state, drill.verdict, drill.why) == (Drill.State.DONE, "passed", "")
        assert 0 < drill.figures["found_ms"] <= drill.figures["recovery_ms"] < 120_000
        assert not Fault.objects.filter(ended_at=None).exists(), "nothing is called dead any more"
        until(lambda: DnsChange.objects.filter(record_set=row, kind="fail_back", state="visible").exists(), "it fails back by itself")
        assert named.says(NAME) == {FIRST}
    told = says(drill)
    assert f"All of its authoritative servers point to {BACKUP}." in told
    assert told[-1] == f"Failed back: all of its authoritative servers point to {FIRST} again."
    assert told[-1] in as_role("viewer").get(f"/drills/{drill.pk}/").content.decode()


def test_where_fail_back_is_a_persons_the_report_says_so(named: Named) -> None:
    row = record_set(dns_zone(named), {FIRST: (None, 0), BACKUP: (None, 1)}, fail_back="by_hand")
    with flying():
        drill = begun(row)
        until(lambda: ended(drill), "the drill has ended")
    assert drill.verdict == "passed"
    assert f"{FIRST} is not called dead any more. Fail-back waits for a person: that is the set's policy." in says(drill)
