"""Something is really wrong on a whole platform: the rule that is for it fires in time, a program that was to be told is told, and hears the end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

import psutil
import pytest

from tests.flow.platform import Platform, running, wait_until
from tests.flow.words import fresh

LATE_S = 30
ENDS_S = 15 * 60  # a burner ends by itself
INCIDENT = """
SELECT i.id, i.opened_at, i.resolved_at FROM monitoring_incident i JOIN monitoring_alertrule r ON r.id = i.rule_id
 WHERE r.shipped = %s AND i.opened_at >= %s ORDER BY i.opened_at LIMIT 1
"""
TOLD = "SELECT count(*) FROM monitoring_telling WHERE incident_id = ANY (%s) AND kind = %s AND state = 'told'"
TOGETHER = "SELECT coalesce(parent_id, id), id FROM monitoring_incident WHERE id = %s"
FOR_S = "SELECT for_s, clear_for_s FROM monitoring_alertrule WHERE shipped = %s"
NOW = "SELECT platform_now()"


class Watch:
    """One thing that is wrong, from when on, and what was heard of it."""

    def __init__(self, platform: Platform, rule: str, hurry: float = 1.0) -> None:
        self.platform, self.rule = platform, rule
        [(self.since,)] = platform.rows(NOW)
        [(for_s, clear_for_s)] = platform.rows(FOR_S, rule)
        self.for_s, self.clear_for_s = for_s * hurry, clear_for_s * hurry

    def fires(self, more_s: float = 0.0) -> None:
        """Within its time and half a minute; `more_s`: what the condition itself takes to be true. A process that tells takes some seconds more."""
        row = wait_until(lambda: self._row(), self.for_s + LATE_S + more_s + 30, f"{self.rule} fired", every_s=0.5)
        opened: datetime = row[1]
        assert (opened - self.since).total_seconds() <= self.for_s + LATE_S + more_s, self.rule
        wait_until(lambda: self._told("opened"), 60, f"a program was told of {self.rule}", every_s=0.5)

    def ends(self, more_s: float = 0.0) -> None:
        wait_until(lambda: (self._row() or (0, 0, None))[2], self.clear_for_s + LATE_S + more_s + 60, f"{self.rule} ended", every_s=0.5)

    def _row(self) -> tuple[int, datetime, datetime | None] | None:
        found = self.platform.rows(INCIDENT, self.rule, self.since)
        return found[0] if found else None

    def _told(self, kind: str) -> bool:
        """It, or what it is part of."""
        row = self._row()
        assert row is not None
        return bool(self.platform.rows(TOLD, list(self.platform.rows(TOGETHER, row[0])[0]), kind)[0][0])


LIMIT = "UPDATE monitoring_alertrule SET threshold = %s, clear = %s WHERE shipped = 'tls' RETURNING id"


def _break_tls(platform: Platform) -> None:
    """Twelve hosts whose certificates are not theirs."""
    for _ in range(12):
        platform.send(f"hello@{fresh()}.badtls.test")


@pytest.mark.long
def test_broken_tls_is_told(platform: Platform) -> None:
    platform.rows(LIMIT, 0.001, 0.0005)  # other tests' connections to small providers, thousands of good ones, lie in the same five minutes
    try:
        tls = Watch(platform, "tls", hurry=0.05)
        _break_tls(platform)
        tls.fires(more_s=15)  # until ten connections were tried
        heard = platform.page("/hooks")
        assert "TLS errors" in heard and "Small providers" in heard
    finally:
        platform.rows(LIMIT, 0.05, 0.03)


@contextmanager
def _stopped(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextmanager
def _burning() -> Iterator[None]:
    code = f"import os, time\nos.nice(19)\nend = time.monotonic() + {ENDS_S}\nwhile time.monotonic() < end: pass"
    burners = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(psutil.cpu_count() or 1)]
    try:
        yield
    finally:
        for one in burners:
            one.kill()
            one.wait()


def _cluster(platform: Platform, name: str) -> list[int]:
    return [process.pid for process in platform.processes() if process.environ().get("Q_CLUSTER_NAME") == name]


@pytest.mark.long
def test_what_is_really_wrong_is_told_in_its_real_time() -> None:
    """CPU, a cluster of jobs, a node's agent, TLS, a block list, a queue that nobody may empty: all at once, with the rules' own times."""
    with running(options=("--no-demo",)) as platform:
        wait_until(platform.at_full_strength, 60, "engines had their IPs")
        time.sleep(20)  # two ticks of a healthy platform
        agent, jobs = platform.pid_of("node_agent", NODE="south-1"), _cluster(platform, "jobs")
        begun: dict[str, Watch] = {}

        def begins(rule: str) -> Watch:
            begun[rule] = Watch(platform, rule)
            return begun[rule]

        with _burning():
            for rule in ("cpu", "tls", "listed"):
                begins(rule)
            platform.control(action="dnsbl_add", ip="127.10.1.3", zone="spamcop")
            _break_tls(platform)
            with _stopped(jobs):
                begins("cluster-silent").fires(more_s=65)  # a minute makes it silent
            with _stopped([agent]):
                begins("agent-silent").fires(more_s=20)
            begun["tls"].fires(more_s=20)
            begun["listed"].fires(more_s=20)
            paths = [row[0] for row in platform.rows("UPDATE pools_path SET state = 'paused' WHERE state = 'open' RETURNING id")]
            for n in range(20):
                platform.send(f"hello{n}@gmail.com")
            begins("stuck-transactional").fires(more_s=300)  # five minutes make it stuck
            platform.rows("UPDATE pools_path SET state = 'open' WHERE id = ANY (%s) RETURNING id", paths)
            begun["cpu"].fires(more_s=20)
        platform.control(action="dnsbl_remove", ip="127.10.1.3", zone="spamcop")
        for rule in ("cluster-silent", "agent-silent", "stuck-transactional", "listed", "cpu"):
            begun[rule].ends(more_s=60)
