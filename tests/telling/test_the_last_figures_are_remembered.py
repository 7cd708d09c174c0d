"""What was measured last lies on disk, at most a minute old: who begins without a database has it to tell."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from mailplatform.shell.clock import now
from monitoring.metrics.catalog import TICK_S
from monitoring.metrics.store import Store
from monitoring.metrics.tick import Tick, beginning
from monitoring.telling import outage
from monitoring.telling.memory import load

pytestmark = pytest.mark.django_db


def test_the_file_follows_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(s=1000.0)
    monkeypatch.setattr(outage, "time", SimpleNamespace(monotonic=lambda: clock.s))
    file, store = tmp_path / "alarms-north.json", Store()
    began = beginning(now()) - timedelta(minutes=5)
    sentinel = outage.Sentinel("north", file)
    seen = []
    for n in range(14):  # looks ten seconds apart, two minutes and more
        store.keep(Tick(began + n * timedelta(seconds=TICK_S), {("queue_ready", "all"): {"all": float(n)}}))
        sentinel.step()
        seen.append(load(file).figures["queue_ready"])
        clock.s += TICK_S
    assert seen == [0.0] * 6 + [6.0] * 6 + [12.0] * 2
