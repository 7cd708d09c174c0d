"""Waiting: what a tenant is told of what its live deliveries wait for.

Promises: four statements however many deliveries, all by key; the sentence names sending IPs and the tenant's own replies, and no node, no engine, no
evidence from other people's mail (`delivery.waits`, plain).
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from delivery.story import reason_words
from delivery.waits import Last, wait_of
from delivery.whereabouts import whereabouts
from mailplatform.shell.clock import now
from pools.models import Provider
from pools.ways import ways_of


def waiting_for(lasts: Mapping[UUID, Mapping[str, Any] | None]) -> dict[UUID, dict[str, Any]]:
    """By delivery, those that wait; given each with its last attempt, if it had one."""
    places = whereabouts(lasts.keys())
    ready = {(place.pool_id or 0, place.provider_id or 0) for place in places.values() if place.place == "ready"}
    ways, at = ways_of(ready), now()
    names = dict(Provider.objects.filter(pk__in={provider for _, provider in ready}).values_list("id", "name"))
    told = {}
    for id_, place in places.items():
        attempt = lasts[id_]
        last = Last(attempt["reply"], reason_words(attempt["reason"])) if attempt else None
        lane = (place.pool_id or 0, place.provider_id or 0)
        if wait := wait_of(place, ways.get(lane, ()), names.get(lane[1], "the provider"), last, at):
            told[id_] = {"what": wait.what, "until": wait.until, "sentence": wait.plain}
    return told
