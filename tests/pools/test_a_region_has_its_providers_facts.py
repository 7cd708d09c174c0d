"""Sorting makes the providers that it meets first: a region with its provider's facts, the long tail with none."""

import psycopg
import pytest

from delivery.queue.sort import Sorted, remember
from pools.models import Provider
from pools.providers.load import load_catalogue
from tests.pools.test_caps_hold_in_every_rolling_window import connect


def sort(connection: psycopg.Connection, key: str) -> Provider:
    remember(connection, [Sorted("firm.example", key, ((10, "mx.example"),), 3600)])
    return Provider.objects.get(key=key)


@pytest.mark.django_db(transaction=True)
def test_a_region_has_its_providers_facts_and_an_upgrade_reaches_them() -> None:
    load_catalogue()
    with connect() as connection:
        region, tail = sort(connection, "mimecast@eu"), sort(connection, "mx:mimecast@eu.example")
    assert not region.is_tail and region.facts == Provider.objects.get(key="mimecast").facts
    assert tail.is_tail and tail.facts == {}
    Provider.objects.filter(key="mimecast@eu").update(facts={})
    load_catalogue()
    assert Provider.objects.get(key="mimecast@eu").facts["limits"]["connections_per_ip"]["value"] == 10
