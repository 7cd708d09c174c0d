"""Debian's Prometheus scrapes a real server of ours, promtool finds nothing to say, and every query of the Grafana dashboard has an answer."""

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from delivery.models import Engine, IpLease
from mailplatform.shell.clock import now
from mailplatform.shell.models import ClusterBeat
from monitoring.metrics.catalog import METRICS, Kind
from monitoring.metrics.store import Store
from monitoring.metrics.tick import Tick, beginning
from monitoring.models import AgentBeat, Endpoint, NodeReport, WatcherBeat
from monitoring.prometheus import exposition
from pools.models import Path as MailPath
from pools.models import PathMinute
from tests.queue.house import House, knows

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana" / "mailplatform.json"
TOOLS = pytest.mark.skipif(not (shutil.which("prometheus") and shutil.which("promtool")), reason="needs Debian's package prometheus")


@pytest.fixture
def measured(transactional_db: None) -> None:
    """A platform of which everything was measured a moment ago: each metric of the catalogue with a value for each of its dimensions."""
    house, google = House.build(), knows("gmail.com")
    engine = Engine.objects.create(node=house.node, slot=0, pid=1, started_at=now(), renewed_at=now(), state={"connections": 3, "settled": 9})
    IpLease.objects.create(ip=house.ips[0], engine=engine, granted_at=now() - timedelta(minutes=1))
    MailPath.objects.create(ip=house.ips[0], provider=google, open_connections=18, limits_now={"connections": 20}, updated_at=now())
    NodeReport.objects.create(node=house.node, at=now(), agent_pid=1, cpu_percent=50, memory_percent=50, load_1m=1, disk_total_bytes=9, cores=1, files_limit=9)
    AgentBeat.objects.create(node=house.node, at=now(), pid=1)
    WatcherBeat.objects.create(zone=house.node.zone, at=now(), pid=1, looks=5)
    ClusterBeat.objects.create(name="jobs", at=now(), pid=1, workers=1, reborn=0)
    Endpoint.objects.create(name="api north", kind="api", host="127.0.0.1", port=1)
    PathMinute.objects.create(ip_id=house.ips[0].pk, provider_id=google.pk, minute=beginning(now(), 60) - timedelta(minutes=1), attempted=9, delivered=9)
    keys = {"all": "all", "provider": str(google.pk), "ip": str(house.ips[0].pk), "node": str(house.node.pk)}
    told = {(metric.key, str(dimension)): {keys.get(dimension, "1"): 12.0}
            for metric in METRICS.values() if metric.kind is not Kind.SHARE for dimension in metric.dimensions}  # fmt: skip
    Store().keep(Tick(beginning(now()), told, {("provider", str(google.pk)): "Gmail", ("tenant", "1"): 'Ann "&" Bob\\'}))


@TOOLS
def test_promtool_finds_nothing_to_say(measured: None) -> None:
    text, _ = exposition()
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
    assert b'mailplatform_tenant_attempted_per_second{tenant="Ann \\"&\\" Bob\\\\"} 1.2' in text
    assert b"mailplatform_certificate_seconds 1.0368e+06" in text, "in base units: twelve days"


@pytest.mark.django_db
def test_nobody_has_measured_yet() -> None:
    text, _ = exposition()
    assert b"mailplatform_ready" in text and b"mailplatform_measured_ago_seconds 1" not in text and b"mailplatform_queue_oldest" not in text


@pytest.fixture
def prometheus(tmp_path: Path, live_server: LiveServer) -> Iterator[str]:
    """Its address, once it has scraped twice."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = tmp_path / "prometheus.yml"
    target = live_server.url.removeprefix("http://")
    config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [{"job_name": "us", "static_configs": [{"targets": [target]}]}]}))
    server = subprocess.Popen(
        ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 60
        while not _asked(url, "count_over_time(mailplatform_engine_settled_total[1m]) >= 2"):
            assert time.monotonic() < until and server.poll() is None, "Prometheus has not scraped us"
            time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def _asked(url: str, query: str) -> list[Any]:
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}", timeout=10) as answer:
            return list(json.load(answer)["data"]["result"])
    except OSError:
        return []


@TOOLS
def test_every_query_of_the_dashboard_has_an_answer(measured: None, prometheus: str) -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert len(queries) > 40
    assert [query for query in queries if not _asked(prometheus, query)] == []
