"""Provider: the change of one record set through a hosted provider's API, in a process of its own: `python -m monitoring.dns.provider`, an order on stdin,
what became of it on stdout. Loads dns-lexicon and nothing of the platform; it is given no other secret than the provider's.

Promises: new values are made before old ones are taken away, so that the set is never empty; what others put there is left alone; ends by itself, in time.
Never: changes the TTL of a value that stands alone (some providers' update is a deletion first).
"""

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.dns.records import NotAValue, value_of

NOT_INSTALLED = "hosted providers need dns-lexicon, which is not installed here: python3 bin/environment.py requirements-hosted-dns.lock"
MX_WITH_PREFERENCE = ("powerdns",)  # whose contents hold it; elsewhere it is an option, and nobody has tried
TAKEN, IN_THE_WAY, REFUSED, UNKNOWN = "taken", "in the way", "refused", "unknown"


@dataclass(frozen=True, slots=True)
class Order:
    """As `hosted` writes it."""

    provider: str
    zone: str
    options: Mapping[str, Any]
    name: str
    kind: str
    ttl_s: int
    before: Sequence[str] | None
    after: Sequence[str]
    within_s: float = 30.0


Answer = tuple[str, str]


def carry_out(order: Order) -> Answer:
    """(outcome, what there is to say)"""
    if order.kind == "MX" and order.provider not in MX_WITH_PREFERENCE:
        return REFUSED, f"MX sets are not published through the API of {order.provider}: use RFC 2136"
    try:
        from lexicon._private.discovery import find_providers, load_provider_module
        from lexicon.config import ConfigResolver
        from lexicon.exceptions import AuthenticationError
        from requests import HTTPError
    except ImportError:
        return REFUSED, NOT_INSTALLED
    known = find_providers().get(order.provider)
    if not known:
        return REFUSED, f"dns-lexicon {'knows no' if known is None else 'lacks a package for the'} provider {order.provider!r}"
    # lexicon's own Client would guess the zone from the name by a list that it fetches from the web; the operator has said which one it is.
    options = {"provider_name": order.provider, "domain": order.zone, "ttl": order.ttl_s, order.provider: dict(order.options)}
    try:
        records = load_provider_module(order.provider).Provider(ConfigResolver().with_dict(options))
        try:
            records.authenticate()
            return _replace(records, order)
        finally:
            records.cleanup()
    except AuthenticationError as error:
        return REFUSED, f"the provider does not take the secret: {_short(error)}"
    except HTTPError as error:
        code = error.response.status_code if error.response is not None else 0
        return (REFUSED, f"the provider does not take the secret, or not for this zone ({code})") if code in (401, 403) else (UNKNOWN, _short(error))
    except Exception as error:  # providers raise whatever they like
        return UNKNOWN, _short(error)


def _replace(records: Any, order: Order) -> Answer:
    there, after = _there(records, order), set(order.after)
    if not after:
        return REFUSED, "an empty set is never published"
    if order.before is not None and not _is_ours(set(there), set(order.before), after):
        return IN_THE_WAY, "what is published is not what it was"
    for value in order.after:
        if value not in there:
            records.create_record(order.kind, order.name, value)
        elif _ttl(there[value], order) != order.ttl_s and len(after | set(there)) > 1:
            records.update_record(there[value].get("id"), order.kind, order.name, there[value]["content"])
    if gone := [value for value in there if value not in after]:
        kept = _there(records, order)  # nothing is taken away before what replaces it is seen
        if not after <= set(kept):
            return UNKNOWN, "the provider took new values and does not show them"
        for value in gone:
            if value in kept:
                records.delete_record(kept[value].get("id"), order.kind, order.name, kept[value]["content"])
    return _read_back(_there(records, order), order)


def _is_ours(there: set[str], before: set[str], after: set[str]) -> bool:
    """Whether somebody who was replacing the one by the other may have left it so, half-way or not at all begun."""
    return there <= before | after and (before <= there or after <= there)


def _read_back(there: Mapping[str, Any], order: Order) -> Answer:
    if set(there) != set(order.after):
        return UNKNOWN, f"after the change the provider shows {', '.join(sorted(there)) or 'nothing'}"
    kept = sorted({ttl for record in there.values() if (ttl := _ttl(record, order)) != order.ttl_s})
    return TAKEN, f"the provider keeps a TTL of {kept[0]} s" if kept else ""


def _there(records: Any, order: Order) -> dict[str, Any]:
    return {value: record for record in records.list_records(order.kind, order.name) if (value := _value(order.kind, record)) is not None}


def _ttl(record: Mapping[str, Any], order: Order) -> int:
    try:
        return int(record.get("ttl", order.ttl_s))
    except (TypeError, ValueError):
        return order.ttl_s


def _value(kind: str, record: Mapping[str, Any]) -> str | None:
    try:
        return value_of(kind, str(record.get("content", "")))
    except NotAValue:
        return None


def _short(error: BaseException) -> str:
    words = str(error).strip().splitlines()
    return words[0][:300] if words else type(error).__name__


def main() -> None:
    order = Order(**json.load(sys.stdin))
    signal.setitimer(signal.ITIMER_REAL, order.within_s)  # most providers' requests have no timeout; SIGALRM ends this process, also when nobody waits any more
    json.dump(carry_out(order), sys.stdout)


if __name__ == "__main__":
    main()
