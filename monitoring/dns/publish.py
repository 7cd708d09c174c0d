"""Publish: carry one change from its intention to being visible, and find out what became of it.

Owns: a change's state. The order: commit the intention, send, commit that it was taken, ask every authoritative server until all say so. Promises: twice is
once: whoever finds an intention that may have been sent already asks first; the update itself names what had to be there. Killed anywhere, the next one goes
on from what was committed and from what the servers say. Never: sends inside a transaction; overwrites what somebody else published.
"""

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from dns.exception import DNSException

from mailplatform.shell.clock import now
from mailplatform.shell.formats import listed
from mailplatform.shell.notices import clear_notice, raise_notice
from monitoring.dns import authority, notices
from monitoring.dns.authority import Answer, Server, agreeing, ask_all
from monitoring.dns.destination import Destination, Outcome, Pushed, Wanted, destination_of, values
from monitoring.dns.models import DnsChange, RecordSet
from monitoring.dns.push import push

log = logging.getLogger(__name__)

VISIBLE_POLLS_S = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.1, 0.2, 0.2, 0.5, 0.5, 1.0, 1.0)
LONGEST_PAUSE_S = 60.0
SERVERS_KEPT_S = 60.0
_servers: dict[tuple[str, str], tuple[float, list[Server]]] = {}


def carry_on(change_id: int) -> None:
    """As far as it goes now. May take seconds: runs in a thread of its own."""
    change = DnsChange.objects.select_related("record_set__dns_zone").get(pk=change_id)
    if change.state == DnsChange.State.INTENDED:
        to = destination_of(change.record_set.dns_zone)
        _settle(change, to if isinstance(to, Pushed) else _send(change, to))
    if change.state == DnsChange.State.PUSHED:
        _await_visible(change)


def pause_s(change: DnsChange) -> float:
    """Before the next try: growing, so that a server that refuses is not pestered."""
    return float(min(LONGEST_PAUSE_S, 0.5 * 2 ** min(change.tries, 10)))


def is_due(change: DnsChange) -> bool:
    return change.tried_at is None or now() - change.tried_at >= timedelta(seconds=pause_s(change) if change.state == DnsChange.State.INTENDED else 1.0)


def servers_of(row: RecordSet) -> list[Server]:
    """All that must say the same: the one that takes updates first, then those that the operator lists or the zone's NS name."""
    zone = row.dns_zone
    key = (zone.name, f"{zone.server} {zone.port} {zone.authoritative}")
    kept = _servers.get(key)
    if kept is None or time.monotonic() - kept[0] > SERVERS_KEPT_S:
        asked = _read(zone.authoritative) or _named(zone.name)
        first = [Server(one.address, zone.port) for one in _read(zone.server)[:1]] if zone.way == "rfc2136" else []
        kept = _servers[key] = time.monotonic(), list(dict.fromkeys([*first, *asked]))
    return kept[1]


def ask_servers(row: RecordSet) -> list[Answer]:
    return ask_all(servers_of(row), row.name, row.type, row.dns_zone.timeout_ms / 1000)


def asked_ttl(row: RecordSet, ttl_s: int) -> int | None:
    """What its servers have to say; None: a hosted provider has a word of its own in it."""
    return ttl_s if row.dns_zone.way == "rfc2136" else None


def _read(text: str) -> list[Server]:
    try:
        return authority.read_servers(text, settings.RESOLVER)
    except (DNSException, OSError, ValueError) as error:
        log.info("The servers %s are not to be had: %s", text.split(), error)
        return []


def _named(zone: str) -> list[Server]:
    try:
        return authority.name_servers(zone, settings.RESOLVER)
    except (DNSException, OSError) as error:
        log.info("The name servers of %s are not to be had: %s", zone, error)
        return []


# -- sending ------------------------------------------------------------------------------------------------------------
def _send(change: DnsChange, to: Destination) -> Pushed:
    row = change.record_set
    before, after = values(change.before), values(change.after) or ()
    if change.tries and _is_there(row, after):
        return Pushed(Outcome.TAKEN, "found at the server")  # sent by somebody who could not say so any more
    DnsChange.objects.filter(pk=change.pk).update(tries=change.tries + 1, tried_at=now())
    change.tries += 1
    pushed = push(to, Wanted(row.name, row.type, row.ttl_s, before, after), settings.RESOLVER)
    if pushed.outcome is Outcome.IN_THE_WAY and _is_there(row, after):
        return Pushed(Outcome.TAKEN, "found at the server")
    return pushed


def _is_there(row: RecordSet, after: tuple[str, ...]) -> bool:
    """Whether the server that takes updates says exactly this already."""
    first = ask_all(servers_of(row)[:1], row.name, row.type, row.dns_zone.timeout_ms / 1000)
    return bool(first) and agreeing(first, after, asked_ttl(row, row.ttl_s))


def _settle(change: DnsChange, pushed: Pushed) -> None:
    """Keep what became of it."""
    row, at = change.record_set, now()
    if pushed.outcome is Outcome.TAKEN:
        taken = {"published": change.after, "published_ttl_s": row.ttl_s, "published_since": at, "changed_at": at, "trouble": ""}
        _keep(change, DnsChange.State.PUSHED, {**taken, "state": RecordSet.State.CHANGING}, pushed_at=at, error="", evidence=_noted(change, pushed))
        notices.no_trouble(row)
    elif pushed.outcome is Outcome.IN_THE_WAY:
        found = ask_servers(row)
        sentence = f"Somebody else has edited it: {pushed.says}. Nothing was overwritten."
        _keep(change, DnsChange.State.REFUSED, {"state": RecordSet.State.FOREIGN, "found": told(found), "asked_at": at, "trouble": sentence}, error=sentence)
        notices.foreign(row, found)
    else:
        sentence = f"Not published: {pushed.says}."
        DnsChange.objects.filter(pk=change.pk, state=DnsChange.State.INTENDED).update(error=sentence)
        RecordSet.objects.filter(pk=row.pk).update(trouble=sentence)
        if pushed.outcome is Outcome.REFUSED or change.tries > 1:
            notices.trouble(row, f"{row} could not be changed to {listed(change.after)}. {sentence}")


def _keep(change: DnsChange, state: DnsChange.State, of_set: dict[str, Any], **fields: Any) -> None:
    """The change and its set, together; nothing when another one has settled it meanwhile."""
    with transaction.atomic():
        if not DnsChange.objects.filter(pk=change.pk, state=change.state).update(state=state, **fields):
            change.refresh_from_db(fields=["state"])
            return
        RecordSet.objects.filter(pk=change.record_set_id).update(**of_set)
    change.state = state
    for name, value in fields.items():
        setattr(change, name, value)
    for name, value in of_set.items():
        setattr(change.record_set, name, value)


def _noted(change: DnsChange, pushed: Pushed) -> dict[str, Any]:
    return {**change.evidence, **({"pushed": pushed.says} if pushed.says else {}), "tries": change.tries}


# -- being seen ---------------------------------------------------------------------------------------------------------
def _await_visible(change: DnsChange) -> None:
    """Ask until all authoritative servers give the new answer; those that are late are told."""
    row, after = change.record_set, values(change.after) or ()
    answers: Sequence[Answer] = ()
    for wait_s in VISIBLE_POLLS_S:
        time.sleep(wait_s)
        answers = ask_servers(row)
        if answers and agreeing(answers, after, asked_ttl(row, row.published_ttl_s)):
            at = now()
            of_set = {"state": RecordSet.State.AGREED, "found": told(answers), "asked_at": at, "trouble": ""}
            _keep(change, DnsChange.State.VISIBLE, of_set, visible_at=at)
            _tell(change)
            return
    at = now()
    late = [answer for answer in answers if answer.values != after]
    words = "; ".join(f"{answer.server}: {answer.error or 'still ' + listed(answer.values)}" for answer in late) or "there is no server to ask"
    DnsChange.objects.filter(pk=change.pk, state=DnsChange.State.PUSHED).update(tried_at=at)
    RecordSet.objects.filter(pk=row.pk).update(found=told(answers), asked_at=at, trouble=f"Not yet everywhere: {words}.")
    if change.pushed_at and at - change.pushed_at > timedelta(seconds=30):
        notices.trouble(row, f"{row} was changed at {change.pushed_at:%H:%M:%S} UTC, and not all of its servers say so: {words}.")


def _tell(change: DnsChange) -> None:
    row = change.record_set
    clear_notice(notices.TROUBLE, str(row))
    ms = (change.visible_at - change.at).total_seconds() * 1000 if change.visible_at else 0
    sentence = f"{row} points to {listed(change.after)} now. {change.why} Visible at all its servers after {ms:,.0f} ms."
    raise_notice(notices.CHANGED, str(row), "info", sentence, change.evidence, notices.PAGE, expires_at=now() + timedelta(hours=1))


def told(answers: Sequence[Answer]) -> dict[str, Any]:
    """For the page: what each server said."""
    return {str(answer.server): {"values": list(answer.values), "ttl_s": answer.ttl_s, "error": answer.error} for answer in answers}
