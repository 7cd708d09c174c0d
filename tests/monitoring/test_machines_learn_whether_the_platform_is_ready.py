"""/healthz, /readyz and /metrics over real views and a real database."""

from datetime import timedelta

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from delivery.models import Engine
from mailplatform.shell.clock import now
from monitoring.models import WatcherBeat
from pools.models import Node, PathMinute, Provider, Zone


@pytest.fixture
def platform(db: None, client: Client) -> None:
    client.get("/readyz")  # the first request loads every page: what is fresh now would not be any more
    zone = Zone.objects.create(name="north")
    node = Node.objects.create(zone=zone, name="north-1")
    Engine.objects.create(node=node, slot=0, pid=1, started_at=now(), renewed_at=now())
    WatcherBeat.objects.create(zone=zone, at=now(), pid=1)


def test_healthz_answers_without_a_database(client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"  # no `db` fixture: a query would raise


def test_ready_when_database_engine_and_watcher_are(client: Client, platform: None) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200, answer.json()
    assert answer.json()["engines"]["seen"].keys() == {"north-1/a"}


@pytest.mark.parametrize("gone", ["engine", "watcher"])
def test_not_ready_when_nobody_renewed_or_looked_lately(client: Client, platform: None, gone: str) -> None:
    if gone == "engine":
        Engine.objects.update(renewed_at=now() - timedelta(seconds=3))
    else:
        WatcherBeat.objects.update(at=now() - timedelta(seconds=6))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)


@pytest.mark.parametrize(
    ("address", "headers"), [("192.0.2.7", {}), ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}), ("127.0.0.1", {"Forwarded": "for=192.0.2.7"})]
)
def test_strangers_learn_one_word_and_no_metrics(client: Client, platform: None, address: str, headers: dict[str, str]) -> None:
    assert client.get("/readyz", headers=headers, REMOTE_ADDR=address).json() == {"ready": True}
    assert client.get("/metrics", headers=headers, REMOTE_ADDR=address).status_code == 403


def test_the_token_opens_metrics_and_a_wrong_one_does_not(client: Client, platform: None, settings: object) -> None:
    settings.METRICS_TOKEN = "a-long-token"  # type: ignore[attr-defined]
    for token, status in (("a-long-token", 200), ("a-long-tokex", 403)):
        assert client.get("/metrics", headers={"Authorization": f"Bearer {token}"}, REMOTE_ADDR="192.0.2.7").status_code == status


def test_metrics_are_prometheus_text_with_engines_and_bounces(client: Client, platform: None) -> None:
    tail = Provider.objects.create(key="mx:a.example", name="a.example", is_tail=True)
    last_minute = now().replace(second=0, microsecond=0) - timedelta(minutes=1)
    PathMinute.objects.create(ip_id=1, provider_id=tail.pk, minute=last_minute, attempted=7, delivered=5, bounced_recipient=2)
    text = client.get("/metrics").content.decode()
    samples = {(s.name, *sorted(s.labels.values())): s.value for family in text_string_to_metric_families(text) for s in family.samples}
    assert samples["mailplatform_ready", "engines"] == 1
    assert samples["mailplatform_bounces_5m", "others", "recipient"] == 2
