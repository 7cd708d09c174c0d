"""Look: what do the authoritative servers say of a record set, when nothing of ours is under way? Finds edits by others, and servers that lag.

A set that is new to the platform is taken as ours when it says nothing, or nothing but targets of ours; else it is somebody else's until a person decides.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from mailplatform.shell.clock import now
from mailplatform.shell.formats import listed
from monitoring.dns import notices
from monitoring.dns.authority import Answer
from monitoring.dns.models import DnsChange, RecordSet
from monitoring.dns.publish import ask_servers, asked_ttl, told
from monitoring.dns.standing import OPEN

LAG_TOLD_AFTER = timedelta(seconds=60)


def look_at(set_id: int) -> None:
    """Ask, and keep what was said. May take seconds: runs in a thread of its own."""
    row = RecordSet.objects.select_related("dns_zone").get(pk=set_id)
    answers = ask_servers(row)
    fields = {**_meaning(row, answers), "found": told(answers), "asked_at": now()}
    # What was published meanwhile is not what was asked about.
    if not DnsChange.objects.filter(record_set=row, state__in=OPEN).exists():
        own = RecordSet.objects.filter(pk=row.pk, published=row.published, changed_at=row.changed_at)
        if own.update(**fields):
            _tell(row, fields, answers)


def _meaning(row: RecordSet, answers: Sequence[Answer]) -> dict[str, Any]:
    first = answers[0] if answers else None
    if first is None or first.error:
        why = f"{first.server}: {first.error}" if first else "it has no server to ask: name one in its DNS zone"
        return {"state": RecordSet.State.UNREACHABLE if row.state != RecordSet.State.FOREIGN else row.state, "trouble": f"Its server does not answer: {why}."}
    if row.published_since is None and row.state in (RecordSet.State.NEW, RecordSet.State.UNREACHABLE):
        ours = {target.value for target in row.targets.all()}
        if set(first.values) <= ours:
            return _agreed(first) | {"published_since": now()}
    elif first.values == tuple(row.published) and (asked_ttl(row, row.published_ttl_s) in (None, first.ttl_s) or not first.values):
        lag = [answer for answer in answers if not answer.error and answer.values != first.values]
        late = row.published_since is None or now() - row.published_since > LAG_TOLD_AFTER
        words = "; ".join(f"{answer.server} still says {listed(answer.values)}" for answer in lag)
        return {"state": RecordSet.State.AGREED, "trouble": f"Not everywhere: {words}." if lag and late else ""}
    elif first.values and first.values == tuple(row.wanted) and asked_ttl(row, row.ttl_s) in (None, first.ttl_s):
        return _agreed(first) | {"published_since": now()}  # somebody did what was about to be done
    says = listed(first.values) if first.values else "nothing"
    return {"state": RecordSet.State.FOREIGN, "trouble": f"Edited by somebody else: its server says {says} with a TTL of {first.ttl_s} s."}


def _agreed(answer: Answer) -> dict[str, Any]:
    return {"state": RecordSet.State.AGREED, "published": list(answer.values), "published_ttl_s": answer.ttl_s, "trouble": ""}


def _tell(row: RecordSet, fields: dict[str, Any], answers: Sequence[Answer]) -> None:
    if fields["state"] == RecordSet.State.FOREIGN:
        if row.mode != RecordSet.Mode.OFF:
            notices.foreign(row, answers)
    elif row.state == RecordSet.State.FOREIGN:
        notices.not_foreign(row)
    if fields["state"] == RecordSet.State.UNREACHABLE and row.state == RecordSet.State.UNREACHABLE and row.mode != RecordSet.Mode.OFF:
        notices.trouble(row, f"{row} cannot be looked after. {fields['trouble']}")
    elif row.state == RecordSet.State.UNREACHABLE and fields["state"] == RecordSet.State.AGREED:
        notices.no_trouble(row)
