"""What was seen, written down: listings opened, refreshed and ended, a list's health, names of IPs, and the notices about them.

Owns: every write to pools_listing and pools_addresscheck, and a zone's health. Promises: one transaction a look; the same look written twice changes
nothing more (a steward that lost its session may finish beside its successor): one open row an (IP, list), what is cleared stays cleared.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from mailplatform.shell.models import Notice
from mailplatform.shell.notices import clear_notice, raise_notice
from pools.listings.addresses import Named
from pools.listings.look import Look
from pools.listings.meaning import Verdict
from pools.listings.models import AddressCheck, DnsblZone, Health, Listing, Weight
from pools.listings.settle import Open, Settled, severity_of

LISTED, ZONE, NAME = "ip_listed", "block_list", "ip_name"
PAGE = "/listings/"
_HEALTH = ("health", "health_since", "health_why", "answered_at", "many_allowed", "questions_on", "questions_asked", "look_wanted_at")


@dataclass(frozen=True, slots=True)
class Seen:
    """A look with who was asked about, and when it began."""

    look: Look
    asked: Collection[str]
    ip_ids: Mapping[str, int]  # of the subjects that are IPs
    began: datetime
    questions: int


def open_of(zone: str) -> dict[str, Open]:
    """What is open on a list, by subject."""
    rows = Listing.objects.filter(zone=zone, cleared_at=None).select_related("ip")
    return {subject_of(row): Open(subject_of(row), row.said, tuple(row.codes)) for row in rows}


def subject_of(listing: Listing) -> str:
    return str(listing.ip.address) if listing.ip is not None else listing.domain


@transaction.atomic
def write_look(seen: Seen, settled: Settled, at: datetime) -> None:
    zone = seen.look.zone.zone
    _health(seen, settled, at)
    rows = Listing.objects.filter(zone=zone, cleared_at=None)
    if settled.health in (Health.GOOD, Health.MASS):
        _open(seen, settled, at)
        _refresh(rows, seen, settled, at)
        for said in Weight.values:
            now_does = severity_of(said, settled)
            rows.filter(said=said).exclude(severity=now_does).update(severity=now_does)
    if settled.ended:
        _of(rows, settled.ended, seen).update(cleared_at=at, cleared_why="two looks found it off the list", look_wanted_at=None)
        for subject in settled.ended:
            clear_notice(LISTED, f"{subject} {zone}")
    _of(rows, seen.asked, seen).filter(look_wanted_at__lte=seen.began).update(look_wanted_at=None)


def _open(seen: Seen, settled: Settled, at: datetime) -> None:
    zone = seen.look.zone.zone
    made = [
        Listing(
            ip_id=seen.ip_ids.get(subject), domain="" if subject in seen.ip_ids else subject, zone=zone, codes=list(verdict.codes), means=verdict.means,
            reason=seen.look.reasons.get(subject, ""), severity=severity_of(verdict.weight, settled), said=verdict.weight, listed_since=at, last_seen_at=at,
        )
        for subject, verdict in settled.opened.items()
    ]  # fmt: skip
    Listing.objects.bulk_create(made, ignore_conflicts=True)
    if settled.health is not Health.MASS:
        for row, (subject, verdict) in zip(made, settled.opened.items(), strict=True):
            raise_notice(LISTED, f"{subject} {zone}", row.severity, _listed(subject, zone, verdict), {"codes": row.codes, "reason": row.reason}, PAGE)


def _listed(subject: str, zone: str, verdict: Verdict) -> str:
    then = " It sends nothing until it is off the list." if verdict.weight == Weight.CRITICAL else ""
    return f"{subject} is on the block list {zone}: {verdict.means}.{then} Find the cause, then ask for its removal."


def _refresh(rows: "QuerySet[Listing]", seen: Seen, settled: Settled, at: datetime) -> None:
    """Those that are still listed; the many that say the same by one statement."""
    alike: dict[tuple[tuple[str, ...], str, str, str], list[str]] = defaultdict(list)
    for subject, verdict in settled.still.items():
        alike[verdict.codes, verdict.means, verdict.weight, seen.look.reasons.get(subject, "")].append(subject)
    for (codes, means, weight, reason), subjects in alike.items():
        said = {"codes": list(codes), "means": means, "said": weight, **({"reason": reason} if reason else {})}
        _of(rows, subjects, seen).update(last_seen_at=at, **said)


def _of(rows: "QuerySet[Listing]", subjects: Iterable[str], seen: Seen) -> "QuerySet[Listing]":
    subjects = list(subjects)
    ids = [seen.ip_ids[subject] for subject in subjects if subject in seen.ip_ids]
    return rows.filter(Q(ip_id__in=ids) | Q(domain__in=[subject for subject in subjects if subject not in seen.ip_ids], ip=None))


def _health(seen: Seen, settled: Settled, at: datetime) -> None:
    zone = seen.look.zone
    row = DnsblZone.objects.select_for_update().filter(pk=zone.id).first()
    if row is None:
        return
    if row.health != settled.health:
        row.health, row.health_since = settled.health, at
    row.health_why = settled.why
    if settled.health in (Health.GOOD, Health.MASS):
        row.answered_at = at
    if settled.health is not Health.MASS:
        row.many_allowed = Weight.INFO  # the next time is asked anew
    today = at.date()
    row.questions_on, row.questions_asked = today, (row.questions_asked if row.questions_on == today else 0) + seen.questions
    if row.look_wanted_at is not None and row.look_wanted_at <= seen.began:
        row.look_wanted_at = None
    DnsblZone.objects.filter(pk=row.pk).update(**{name: getattr(row, name) for name in _HEALTH})  # past the audit of people's changes
    _tell_health(row, settled)


def _tell_health(row: DnsblZone, settled: Settled) -> None:
    if settled.health is Health.GOOD:
        clear_notice(ZONE, row.zone)
        return
    if settled.health is Health.MASS:
        does = "They are shown and act on nothing" if row.many_allowed == Weight.INFO else "An operator lets them count"
        sentence = f"The block list {row.zone} does what needs a look: {settled.why}. {does}; say on the page of listings what they may do."
    elif settled.health is Health.REFUSES:
        sentence = f"The block list {row.zone} refuses our resolver: {settled.why}. Its word counts for nothing until that ends."
    else:
        sentence = f"The word of the block list {row.zone} counts for nothing: {settled.why}."
    raise_notice(ZONE, row.zone, "warning", sentence, {"health": str(settled.health)}, PAGE)


def clear_what_nobody_asks(asked_zones: Collection[str], older_than: datetime | None, at: datetime) -> int:
    """Listings of lists that are not asked any more, and of lists that have given no answer that counts for too long."""
    open_ = Listing.objects.filter(cleared_at=None)
    gone = open_.exclude(zone__in=asked_zones).update(cleared_at=at, cleared_why="its list is not asked any more")
    if older_than is not None:
        gone += open_.filter(last_seen_at__lt=older_than).update(cleared_at=at, cleared_why="its list has given no answer that counts for too long")
    return gone


def clear_old_notices() -> None:
    """About listings that are over and IPs that are gone, whoever ended them."""
    kept = {f"{subject_of(row)} {row.zone}" for row in Listing.objects.filter(cleared_at=None).select_related("ip")}
    for scope in Notice.objects.filter(kind=LISTED, cleared_at=None).values_list("scope", flat=True):
        if scope not in kept:
            clear_notice(LISTED, scope)
    failing = set(AddressCheck.objects.filter(state=AddressCheck.State.FAILING).values_list("ip__address", flat=True))
    for scope in Notice.objects.filter(kind=NAME, cleared_at=None).values_list("scope", flat=True):
        if scope not in failing:
            clear_notice(NAME, scope)


@transaction.atomic
def write_names(found: Collection[Named], addresses: Mapping[int, str], began: datetime, at: datetime) -> None:
    """What each IP's name is."""
    before = dict(AddressCheck.objects.filter(ip_id__in=[one.ip_id for one in found]).values_list("ip_id", "state"))
    rows = [AddressCheck(ip_id=one.ip_id, state=one.state, since=at, found=list(one.found), sentence=one.sentence, checked_at=at) for one in found]
    same = [row for row in rows if before.get(row.ip_id) == row.state]
    changed = [row for row in rows if before.get(row.ip_id) != row.state]
    for some, fields in ((same, ["found", "sentence", "checked_at"]), (changed, ["state", "since", "found", "sentence", "checked_at"])):
        if some:
            AddressCheck.objects.bulk_create(some, update_conflicts=True, unique_fields=["ip"], update_fields=fields)
    AddressCheck.objects.filter(ip_id__in=[row.ip_id for row in rows], look_wanted_at__lte=began).update(look_wanted_at=None)
    for row in changed:
        scope = addresses[row.ip_id]
        if row.state == AddressCheck.State.FAILING:
            raise_notice(NAME, scope, "warning", f"{row.sentence} Large providers refuse or defer mail from it.", {"found": row.found}, PAGE)
        else:
            clear_notice(NAME, scope)
