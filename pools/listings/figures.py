"""Figures of listings for the console: what is open and what it does, how the lists are, names of IPs, grades that count.

Reads small tables by whole. `listings_of` is what another page shows of some IPs (templates/pools/listings_of_ip.html draws one of them).
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import Count, Q

from mailplatform.shell.clock import now
from pools.listings.imports import that_count
from pools.listings.models import AddressCheck, DnsblZone, Health, Listing, ProviderGrade, Weight
from pools.listings.zones import is_asked
from pools.models import Path, SendingIP

_RANK = {Weight.CRITICAL: 0, Weight.WARNING: 1, Weight.INFO: 2}
_LOOKS = {Weight.CRITICAL: "broken", Weight.WARNING: "limited", Weight.INFO: "working"}
_HEALTH_LOOKS = {Health.GOOD: "good", Health.UNKNOWN: "unknown", Health.MASS: "limited"}
PAST_DAYS, MOST_PAST, MOST_OPEN = 30, 10, 500


@dataclass(frozen=True, slots=True)
class ListingRow:
    """A listing, with what it does and where to ask for its end."""

    listing: Listing
    look: str
    link: str
    does: str

    @property
    def subject(self) -> str:
        return str(self.listing.ip or self.listing.domain)


@dataclass(frozen=True, slots=True)
class IpListings:
    """What others say of one IP."""

    ip_id: int
    open: tuple[ListingRow, ...] = ()
    past: tuple[Listing, ...] = ()
    name: AddressCheck | None = None
    grades: tuple[ProviderGrade, ...] = ()


@dataclass(frozen=True, slots=True)
class ZoneRow:
    zone: DnsblZone
    asked: bool
    state: str
    look: str
    lists: int = 0


@dataclass(frozen=True, slots=True)
class NameRow:
    ip: SendingIP
    check: AddressCheck | None

    @property
    def state(self) -> str:
        return str(self.check.state) if self.check else AddressCheck.State.UNKNOWN


@dataclass(slots=True)
class _Some:
    open: list[ListingRow] = field(default_factory=list)
    past: list[Listing] = field(default_factory=list)
    grades: list[ProviderGrade] = field(default_factory=list)


def open_listings() -> list[ListingRow]:
    """Every open listing, the worst first."""
    return _rows(Listing.objects.filter(cleared_at=None).select_related("ip")[:MOST_OPEN])


def open_count() -> tuple[int, bool]:
    """How many are open, and whether one of them takes an IP out."""
    counted = Listing.objects.filter(cleared_at=None).aggregate(all=Count("id"), worst=Count("id", filter=Q(severity=Weight.CRITICAL)))
    return counted["all"], bool(counted["worst"])


def zone_rows() -> list[ZoneRow]:
    """The lists: ill ones first, then those that are asked."""
    lists = dict(Listing.objects.filter(cleared_at=None).values_list("zone").annotate(n=Count("id")))
    rows = [_zone_row(zone, lists.get(zone.zone, 0)) for zone in DnsblZone.objects.all()]
    return sorted(rows, key=lambda row: (not row.asked, row.look in ("good", "unknown"), row.zone.zone))


def name_rows() -> list[NameRow]:
    """Every sending IP with what its name is; those that are wrong first."""
    rows = [NameRow(ip, getattr(ip, "address_check", None)) for ip in SendingIP.objects.select_related("address_check")]
    order = [AddressCheck.State.FAILING, AddressCheck.State.UNKNOWN, AddressCheck.State.OK]
    return sorted(rows, key=lambda row: order.index(AddressCheck.State(row.state)))


def listings_of(ip_ids: Collection[int]) -> dict[int, IpListings]:
    """For each of these IPs: open listings, those that ended in the last 30 days, its name, the grades that count."""
    some: dict[int, _Some] = defaultdict(_Some)
    for row in _rows(Listing.objects.filter(cleared_at=None, ip_id__in=ip_ids).select_related("ip")):
        some[_ip(row.listing)].open.append(row)
    for past in Listing.objects.filter(ip_id__in=ip_ids, cleared_at__gte=now() - timedelta(days=PAST_DAYS)).order_by("-cleared_at"):
        if len(some[_ip(past)].past) < MOST_PAST:
            some[_ip(past)].past.append(past)
    for grade in that_count().filter(ip_id__in=ip_ids):
        some[grade.ip_id or 0].grades.append(grade)
    names = {check.ip_id: check for check in AddressCheck.objects.filter(ip_id__in=ip_ids)}
    return {ip: IpListings(ip, tuple(some[ip].open), tuple(some[ip].past), names.get(ip), tuple(some[ip].grades)) for ip in ip_ids}


def _ip(listing: Listing) -> int:
    return listing.ip_id or 0


def _rows(listings: "Collection[Listing]") -> list[ListingRow]:
    listings = list(listings)
    zones = {zone.zone: zone for zone in DnsblZone.objects.filter(zone__in={listing.zone for listing in listings})}
    ips = {listing.ip_id for listing in listings}
    out = dict(Path.objects.filter(ip_id__in=ips, state=Path.State.QUARANTINED).values_list("ip_id").annotate(n=Count("id")))
    rows = []
    for one in listings:
        zone = zones.get(one.zone)
        rows.append(ListingRow(one, _LOOKS[Weight(one.severity)], _link(one, zone), _does(one, zone, out.get(one.ip_id, 0))))
    return sorted(rows, key=lambda row: (_RANK[Weight(row.listing.severity)], row.listing.listed_since))


def _link(listing: Listing, zone: DnsblZone | None) -> str:
    link = zone.delisting if zone else ""
    return link.replace("{ip}", str(listing.ip or "")).replace("{domain}", listing.domain) if link.startswith("https://") else ""


def _does(listing: Listing, zone: DnsblZone | None, quarantined: int) -> str:
    """What we did about it, in a sentence."""
    if zone is not None and zone.health == Health.MASS and listing.severity != listing.said:
        return "Nothing: the list names very many of us at once, and waits for your word."
    if listing.ip is None:
        return "Nothing: it is shown only. The domain's tenant should know."
    match listing.severity:
        case Weight.CRITICAL if listing.ip.state == SendingIP.State.QUARANTINED or quarantined:
            return "It sends nothing: it is in quarantine until two looks find it off the list."
        case Weight.CRITICAL:
            return "It is taken out for all providers."
        case Weight.WARNING:
            return "It sends on; its score is lower."
        case _:
            return "Nothing: it is shown only."


def _zone_row(zone: DnsblZone, lists: int) -> ZoneRow:
    asked = is_asked(zone)
    if not asked:
        return ZoneRow(zone, False, "not asked", "stopped", lists)
    words = {Health.GOOD: "good", Health.UNKNOWN: "not asked yet", Health.MASS: "names very many"}
    state = words.get(Health(zone.health), Health(zone.health).label)
    return ZoneRow(zone, True, str(state), _HEALTH_LOOKS.get(Health(zone.health), "broken"), lists)
