"""Keys: two at once for rotation, closed within seconds, from the right network alone, their use noted once a minute."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from mailplatform.shell.clock import now, set_shift
from mailplatform.tenants import keys
from mailplatform.tenants.models import ApiKey
from tests.api.world import Sender


def test_only_a_hash_is_kept(acme: Sender) -> None:
    assert acme.key.startswith(acme.row.prefix + "_")
    assert (len(acme.row.prefix), len(acme.key)) == (11, 55)
    secret = acme.key.removeprefix(acme.row.prefix)
    assert not [value for value in vars(acme.row).values() if secret in str(value)]


def test_two_keys_work_while_one_replaces_the_other(client: Client, acme: Sender) -> None:
    _, plain = keys.make_key(acme.tenant, "next")
    assert acme.send(client).status_code == 202
    assert acme.post(client, "messages", acme.message(), HTTP_AUTHORIZATION=f"Bearer {plain}").status_code == 202
    keys.revoke(acme.row)
    assert acme.send(client).status_code == 401
    assert acme.post(client, "messages", acme.message(), HTTP_AUTHORIZATION=f"bearer {plain}").status_code == 202


def test_a_key_revoked_elsewhere_closes_within_the_caches_age(client: Client, acme: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    assert acme.send(client).status_code == 202
    ApiKey.objects.filter(pk=acme.row.pk).update(revoked_at=now())  # another process did it: this one's cache does not know
    assert acme.send(client).status_code == 202
    assert keys.CACHE_S < 5
    monkeypatch.setattr(keys, "CACHE_S", 0.0)
    assert acme.send(client).status_code == 401


def test_a_cached_key_expires_on_time(client: Client, acme: Sender) -> None:
    ApiKey.objects.filter(pk=acme.row.pk).update(expires_at=now() + timedelta(minutes=1))
    assert acme.send(client).status_code == 202
    set_shift(timedelta(minutes=2))
    try:
        assert acme.send(client).status_code == 401
    finally:
        set_shift(timedelta())


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        (["127.0.0.0/8"], "127.0.0.1", 202),
        (["127.0.0.0/8"], "::ffff:127.0.0.1", 202),
        (["10.0.0.0/8", "2001:db8::/32"], "2001:db8::7", 202),
        (["10.0.0.0/8"], "11.0.0.1", 403),
        (["10.0.0.0/8"], "", 403),
        (["0.0.0.0/0"], "2001:db8::7", 403),
    ],
)
def test_networks_are_kept_to(client: Client, acme: Sender, networks: list[str], address: str, status: int) -> None:
    ApiKey.objects.filter(pk=acme.row.pk).update(allowed_networks=networks)
    assert acme.post(client, "messages", acme.message(), REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR="10.0.0.1").status_code == status


def test_use_is_noted_once_a_minute(client: Client, acme: Sender) -> None:
    with CaptureQueriesContext(connection) as queries:
        for _ in range(5):
            acme.send(client)
    assert len([each for each in queries if "UPDATE" in each["sql"] and "last_used_at" in each["sql"]]) == 1
    acme.row.refresh_from_db()
    assert now() - acme.row.last_used_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("messages:read", "POST", "messages", 403),
        ("messages:read", "GET", "messages", 200),
        ("messages:send", "GET", "messages", 403),
        ("messages:send", "GET", "suppressions", 403),
        ("suppressions", "GET", "suppressions", 200),
        ("suppressions", "POST", "messages/batch", 403),
    ],
)
def test_a_key_does_what_its_scopes_say(client: Client, acme: Sender, scope: str, method: str, path: str, status: int) -> None:
    ApiKey.objects.filter(pk=acme.row.pk).update(scopes=[scope])
    assert client.generic(method, f"/api/v1/{path}", b"{}", "application/json", **acme.auth).status_code == status
