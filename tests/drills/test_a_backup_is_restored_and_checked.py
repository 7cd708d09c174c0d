"""Restore from backup: a real dump of the test database, restored beside it, compared, measured and removed; also when its process is killed."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import psycopg
import pytest
from django.utils import timezone

from delivery.models import Body
from monitoring.drills import report, restore
from monitoring.drills.models import Drill
from tests.monitoring.conftest import until


@pytest.fixture
def drill(url: str, settings: object, tmp_path: Path) -> Drill:
    settings.DATABASE_URL, settings.DATA_DIR = url, tmp_path  # type: ignore[attr-defined]
    for number in range(3):
        Body.objects.create(id=uuid.uuid4(), mime=f"message {number}".encode(), body_hash=b"", head_length=0)
    return Drill.objects.create(kind="restore_backup", started_by="a", started_at=timezone.now(), beat_at=timezone.now())


def copies(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'mailplatform\\_drill\\_%'").fetchall()]


def test_rows_bodies_and_migrations_are_alike_and_nothing_stays(drill: Drill, url: str, tmp_path: Path) -> None:
    assert restore.unavailable() == ""
    restore.run(drill.pk)
    drill.refresh_from_db()
    print(drill.figures)
    assert (drill.state, drill.verdict, drill.why) == (Drill.State.DONE, "passed", "")
    figures = drill.figures
    assert (figures["lost"], figures["bodies_checked"], figures["bodies_differ"], figures["migrations_alike"]) == (0, 3, 0, True)
    assert figures["tables"] > 50
    assert figures["point_ms"] == 0
    assert "restored in" in [one.name for one in report.figures(figures)]
    assert copies(url) == []
    assert list((tmp_path / "drills").iterdir()) == []


def test_one_that_was_aborted_before_it_began_does_nothing(drill: Drill, url: str) -> None:
    Drill.objects.update(state=Drill.State.ABORTED)
    assert restore.run(drill.pk) == "it had ended before it began"
    assert copies(url) == []


_HALF_WAY = """
import os, signal, sys
import django
django.setup()
from django.conf import settings
from pathlib import Path
settings.DATABASE_URL, settings.DATA_DIR = sys.argv[1], Path(sys.argv[2])
from monitoring.drills import restore
restore._compared = lambda *seen: os.kill(os.getpid(), signal.SIGKILL)
restore.run(int(sys.argv[3]))
"""


def test_what_a_killed_one_left_is_removed_by_who_looks_next(drill: Drill, url: str, tmp_path: Path) -> None:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "mailplatform.settings"}
    died = subprocess.run([sys.executable, "-c", _HALF_WAY, url, str(tmp_path), str(drill.pk)], env=env)
    assert died.returncode == -signal.SIGKILL
    assert copies(url) == [f"mailplatform_drill_{drill.pk}"], "it died with its copy made"
    with psycopg.connect(url, autocommit=True) as connection:
        restore.clear_away(connection)
        assert copies(url) != [], "its run is not over yet"
        Drill.objects.update(state=Drill.State.INTERRUPTED)
        until(lambda: restore.clear_away(connection) == 1, 10, "its copy is removed")
    assert copies(url) == []
    assert list((tmp_path / "drills").iterdir()) == []
