"""Hosted providers: the same change through a provider's API, by dns-lexicon. An extra: `python3 bin/environment.py requirements-hosted-dns.lock`.

A provider's API has no prerequisites and no transactions: what is there is read just before, new values are made before old ones are taken away, and an edit by
somebody else in between goes unseen until the next look at the authoritative servers. Never: an empty set in between.
"""

import json
from collections.abc import Mapping
from typing import Any

from mailplatform.shell.errors import short
from monitoring.dns.destination import Destination, Outcome, Pushed, Wanted
from monitoring.dns.records import NotAValue, value_of

NOT_INSTALLED = "hosted providers need dns-lexicon, which is not installed here: python3 bin/environment.py requirements-hosted-dns.lock"


def push(to: Destination, wanted: Wanted) -> Pushed:
    """Make what is missing, then take away what is too much."""
    try:
        from lexicon.client import Client
        from lexicon.config import ConfigResolver
    except ImportError:
        return Pushed(Outcome.REFUSED, NOT_INSTALLED)
    options = {"provider_name": to.provider, "domain": to.zone, "ttl": wanted.ttl_s, to.provider: own_options(to)}
    try:
        with Client(ConfigResolver().with_dict(options)) as records:
            return _replace(records, wanted)
    except Exception as error:  # providers raise whatever they like
        return Pushed(Outcome.UNKNOWN, f"{to.provider}: {short(error)}")


def own_options(to: Destination) -> Mapping[str, Any]:
    """The provider's options: the secret is a token, or a JSON object of what the provider wants (dns-lexicon's documentation names it)."""
    try:
        given = json.loads(to.secret)
    except ValueError:
        given = None
    return given if isinstance(given, dict) else {"auth_token": to.secret}


def _replace(records: Any, wanted: Wanted) -> Pushed:
    there = {value: record for record in records.list_records(wanted.kind, wanted.name) if (value := _value(wanted.kind, record)) is not None}
    if wanted.before is not None and set(there) != set(wanted.before) and set(there) != set(wanted.after):
        return Pushed(Outcome.IN_THE_WAY, "what is published is not what it was")
    for value in wanted.after:
        if value not in there:
            records.create_record(wanted.kind, wanted.name, value)
        elif str(there[value].get("ttl", wanted.ttl_s)) != str(wanted.ttl_s):
            records.update_record(there[value].get("id"), wanted.kind, wanted.name, there[value]["content"])
    for value, record in there.items():
        if value not in wanted.after:
            records.delete_record(record.get("id"), wanted.kind, wanted.name, record["content"])
    return Pushed(Outcome.TAKEN)


def _value(kind: str, record: Mapping[str, Any]) -> str | None:
    content = str(record.get("content", ""))
    priority = (record.get("options") or {}).get("mx", {}).get("priority", record.get("priority"))
    try:
        return value_of(kind, f"{priority} {content}" if kind == "MX" and priority is not None else content)
    except NotAValue:
        return None
