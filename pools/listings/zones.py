"""The shipped block lists, and which of all lists are asked now.

Owns: pools/data/dnsbl_zones.json. Promises: loading is idempotent; what a list's codes mean is replaced on upgrade, whether, how often and with what
weight it is asked stays the operator's; in live mode a list is asked only when an operator said so, in the sandbox only over a resolver on loopback.
Never: asks anything.
"""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from pools.listings.models import Asked, DnsblZone, ListingPolicy

DATA = Path(__file__).resolve().parent.parent / "data" / "dnsbl_zones.json"
LIVE, SANDBOX = "live", "sandbox"
_FACTS = ("title", "lists", "meanings", "errors", "delisting", "terms", "source")
_POLICY = {
    LIVE: {"ask_every_s": 600, "confirm_after_s": 120, "stale_after_s": 6 * 3600, "name_every_s": 3600, "questions_per_s": 20},
    # Seconds instead of minutes, so that a demo shows within ten what takes half an hour outside.
    SANDBOX: {"ask_every_s": 4, "confirm_after_s": 1, "stale_after_s": 60, "name_every_s": 10, "questions_per_s": 200},
}


@dataclass(frozen=True, slots=True)
class ZoneFacts:
    """A list, as a look needs it: no row travels into the thread that asks."""

    id: int
    zone: str
    lists: str
    weight: str
    meanings: Mapping[str, Mapping[str, str]]
    errors: Mapping[str, str]


@cache
def shipped() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(DATA.read_text("utf-8"))
    return content


def ended(zone: str) -> str:
    """Why a list must not be asked any more; empty: nothing is known against it."""
    return str(shipped()["ended"].get(zone, ""))


def load_zones() -> int:
    """Bring the shipped lists to what is shipped; lists of the operator's own are left alone."""
    rows = [
        DnsblZone(
            zone=entry["zone"], weight=entry["weight"], ask_every_s=entry["ask_every_s"], questions_per_day=entry.get("questions_per_day"), shipped=True,
            asked=Asked.SANDBOX if entry.get("sandbox") else Asked.NEVER, **{name: entry.get(name, {}) for name in _FACTS},
        )
        for entry in shipped()["zones"]
    ]  # fmt: skip
    DnsblZone.objects.bulk_create(rows, update_conflicts=True, unique_fields=["zone"], update_fields=[*_FACTS, "shipped"])
    for mode in _POLICY:
        ListingPolicy.objects.get_or_create(mode=mode, defaults=_POLICY[mode])
    return len(rows)


def policy_now() -> ListingPolicy:
    """This mode's row, or what it would be."""
    mode = settings.MAIL_MODE
    return ListingPolicy.objects.filter(mode=mode).first() or ListingPolicy(mode=mode, **_POLICY[mode])


def may_ask() -> bool:
    """The sandbox never asks the world: its resolver is on loopback, or nothing is asked."""
    if settings.MAIL_MODE == LIVE:
        return True
    host = settings.RESOLVER.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_asked(zone: DnsblZone) -> bool:
    return zone.asked == Asked.ALWAYS or (zone.asked == Asked.SANDBOX and settings.MAIL_MODE == SANDBOX)


def facts_of(zone: DnsblZone) -> ZoneFacts:
    return ZoneFacts(zone.pk, zone.zone, zone.lists, zone.weight, zone.meanings, zone.errors)
