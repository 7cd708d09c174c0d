"""The steward's round of listings: who is due is asked beside it, what was heard is written down.

Owns: when each list is asked next, what waits for a second look, and which jobs are under way. Promises: one call takes some milliseconds, whatever
DNS does: questions go out in a thread (`asking`), answers are written in one transaction a list; a list that fails holds up no other; every list begins
at a moment of its own, so that nobody is asked in bursts. Never: decides what a listing does to mail (reputation reads the rows). How it fails: without it
listings stay as they are; a steward that died has forgotten first looks, and the next one begins with them.
"""

import ipaddress
import random
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

from django.conf import settings

from mailplatform.tenants.models import SendingDomain
from pools.listings import asking, zones
from pools.listings.addresses import Address, Named
from pools.listings.asking import NAMES, Job, Pace, Result
from pools.listings.look import Look
from pools.listings.models import AddressCheck, DnsblZone, Listing, ListingPolicy, Subject
from pools.listings.settle import Bounds, First, interval_s, settle
from pools.listings.store import Seen, clear_old_notices, clear_what_nobody_asks, open_of, subject_of, write_look, write_names
from pools.models import SendingIP

EVERY_S = 0.5
TIDY_EVERY_S, NOTICES_EVERY_S = 2.0, 60.0
LONGEST_WRITING_S = 0.05  # a call: what is left is written at the next, half a second later
JITTER = 0.1
MOST_DOMAINS = 5000


def begin() -> Callable[[datetime], None]:
    """For monitoring.rounds: Round("listings", EVERY_S, begin)."""
    return ListingsRound()


class ListingsRound:
    """One steward's memory."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311  spreads load, keeps no secret
        self._results: SimpleQueue[Result] = SimpleQueue()
        self._pace = Pace(1.0)
        self._due: dict[str, datetime] = {}
        self._under_way: set[str] = set()
        self._firsts: dict[str, dict[str, First]] = {}
        self._again: dict[str, datetime] = {}  # no second looks of a list before
        self._ill_names: dict[int, datetime] = {}  # IPs whose name was wrong, or not to be had, at a first look
        self._unknown: dict[int, datetime] = {}
        self._began: datetime | None = None
        self._tidy_at: datetime | None = None
        self._notices_at: datetime | None = None

    def __call__(self, at: datetime) -> None:
        self._began = self._began or at
        policy = zones.policy_now()
        self._take_in(policy, at)
        asked = [zone for zone in DnsblZone.objects.all() if zones.is_asked(zone)]
        self._tidy(policy, asked, at)
        if policy.enabled and zones.may_ask():
            self._pace.per_s = policy.questions_per_s
            wanted = _wanted()
            jobs = [job for job in (*(self._job(zone, policy, at, wanted[zone.zone]) for zone in asked), self._names_job(policy, at)) if job is not None]
            if jobs:
                self._under_way.update(job.key for job in jobs)
                asking.start(jobs, settings.RESOLVER, self._pace, self._results)

    # -- what was heard ---------------------------------------------------------------------------------------------------
    def _take_in(self, policy: ListingPolicy, at: datetime) -> None:
        errors = []
        until_s = time.monotonic() + LONGEST_WRITING_S
        while time.monotonic() < until_s and (result := self._next()) is not None:
            if result.last:
                self._under_way.discard(result.job.key)
            if result.error is not None:
                errors.append(result.error)
            elif result.look is not None:
                self._settle(result, policy, at)
            elif result.names is not None:
                self._settle_names(result, result.names, policy, at)
        if errors:  # the others are written; this is a surprise, and the steward's to tell
            raise errors[0]

    def _next(self) -> Result | None:
        try:
            return self._results.get_nowait()
        except Empty:
            return None

    def _settle(self, result: Result, policy: ListingPolicy, at: datetime) -> None:
        assert result.look is not None
        seen_zone = result.look.zone
        zone = DnsblZone.objects.filter(pk=seen_zone.id).first()
        if zone is None or not zones.is_asked(zone):
            return  # turned off while it was asked
        domains = seen_zone.lists == Subject.DOMAIN
        asked, subjects = result.job.subjects, result.look.verdicts
        ids = {} if domains else {str(ip): pk for pk, ip in SendingIP.objects.filter(address__in=asked).values_list("pk", "address")}
        all_subjects = self._domains().count() if domains else SendingIP.objects.count()
        known = {subject: verdict for subject, verdict in subjects.items() if domains or subject in ids}  # an IP may have been removed meanwhile
        heard = Look(seen_zone, result.look.health, result.look.why, known, result.look.reasons)
        bounds = Bounds(policy.confirm_after_s, policy.many_share, policy.many_at_least)
        settled = settle(heard, open_of(zone.zone), self._firsts.get(zone.zone, {}), bounds, at, all_subjects, zone.many_allowed)
        write_look(Seen(heard, asked, ids, result.job.began, result.questions), settled, at)
        self._firsts[zone.zone] = dict(settled.waiting)

    def _settle_names(self, result: Result, names: tuple[Named, ...], policy: ListingPolicy, at: datetime) -> None:
        there = dict(SendingIP.objects.filter(pk__in=[one.ip_id for one in names]).values_list("pk", "address"))
        before = dict(AddressCheck.objects.filter(ip_id__in=there).values_list("ip_id", "state"))
        told = [one for one in names if one.ip_id in there and self._believes(one, before.get(one.ip_id, ""), policy, at)]
        write_names(told, {pk: str(address) for pk, address in there.items()}, result.job.began, at)

    def _believes(self, one: Named, before: str, policy: ListingPolicy, at: datetime) -> bool:
        """What is right is believed at once, what is wrong at the second look, what cannot be asked when that has gone on for long."""
        if one.state == AddressCheck.State.UNKNOWN:
            since = self._unknown.setdefault(one.ip_id, at)
            if one.ip_id in self._ill_names:
                self._ill_names[one.ip_id] = at  # asked again later, not at once
            return not before or at - since >= timedelta(seconds=policy.stale_after_s)
        self._unknown.pop(one.ip_id, None)
        if one.state == AddressCheck.State.OK or before == one.state:
            self._ill_names.pop(one.ip_id, None)
            return True
        first = self._ill_names.setdefault(one.ip_id, at)
        if at - first < timedelta(seconds=policy.confirm_after_s * 0.9):
            return False
        del self._ill_names[one.ip_id]
        return True

    # -- who is due -------------------------------------------------------------------------------------------------------
    def _job(self, zone: DnsblZone, policy: ListingPolicy, at: datetime, wanted: Collection[str]) -> Job | None:
        live = settings.MAIL_MODE == zones.LIVE
        used = zone.questions_asked if zone.questions_on == at.date() else 0
        if zone.zone in self._under_way or (live and zone.questions_per_day and used >= zone.questions_per_day):
            return None
        # The first time comes anywhere in a tenth of the interval: a steward that is started again asks nobody all at once.
        due = self._due.setdefault(zone.zone, at + timedelta(seconds=policy.ask_every_s * self._rng.uniform(0, JITTER)))
        if at >= due or zone.look_wanted_at is not None:
            subjects = self._subjects(zone)
            every_s = interval_s(policy.ask_every_s, zone.ask_every_s, zone.questions_per_day, len(subjects), live)
            self._due[zone.zone] = at + timedelta(seconds=every_s * self._rng.uniform(1 - JITTER, 1 + JITTER))
        else:
            subjects = self._second_looks(zone.zone, policy, at, wanted)
        return Job(zone.zone, at, zones.facts_of(zone), subjects) if subjects else None

    def _second_looks(self, zone: str, policy: ListingPolicy, at: datetime, wanted: Collection[str]) -> tuple[str, ...]:
        """Who was seen once, and whom a person wants looked at now."""
        after = timedelta(seconds=policy.confirm_after_s)
        waiting = {subject for subject, first in self._firsts.get(zone, {}).items() if at - first.at >= after and at >= self._again.get(zone, at)}
        if waiting:
            self._again[zone] = at + after
        return tuple(sorted(waiting.union(wanted)))

    def _subjects(self, zone: DnsblZone) -> tuple[str, ...]:
        if zone.lists == Subject.DOMAIN:
            return tuple(self._domains().values_list("name", flat=True)[:MOST_DOMAINS])
        addresses = (str(address) for address in SendingIP.objects.values_list("address", flat=True))
        return tuple(address for address in addresses if settings.MAIL_MODE != zones.LIVE or ipaddress.ip_address(address).is_global)

    @staticmethod
    def _domains():  # type: ignore[no-untyped-def]
        return SendingDomain.objects.exclude(verified_at=None).order_by("id")

    def _names_job(self, policy: ListingPolicy, at: datetime) -> Job | None:
        if NAMES in self._under_way:
            return None
        rows = SendingIP.objects.order_by("id")
        due = self._due.get(NAMES)
        if due is not None and at < due:
            ill = [ip for ip, first in self._ill_names.items() if at - first >= timedelta(seconds=policy.confirm_after_s)]
            wanted = AddressCheck.objects.exclude(look_wanted_at=None).values_list("ip_id", flat=True)
            if not (ids := {*ill, *wanted}):
                return None
            rows = rows.filter(pk__in=ids)
        else:
            self._due[NAMES] = at + timedelta(seconds=policy.name_every_s * self._rng.uniform(1 - JITTER, 1 + JITTER))
        addresses = tuple(Address(pk, str(address), name) for pk, address, name in rows.values_list("pk", "address", "ehlo_name"))
        return Job(NAMES, at, addresses=addresses) if addresses else None

    # -- what is over -----------------------------------------------------------------------------------------------------
    def _tidy(self, policy: ListingPolicy, asked: list[DnsblZone], at: datetime) -> None:
        """What is not asked any more is over at once; what has had no answer for long is over too, but not before this steward has asked itself."""
        if self._began is None or (self._tidy_at is not None and at < self._tidy_at):
            return
        self._tidy_at = at + timedelta(seconds=TIDY_EVERY_S)
        too_old = at - timedelta(seconds=policy.stale_after_s)
        gone = clear_what_nobody_asks([zone.zone for zone in asked], too_old if self._began < too_old else None, at)
        if gone or self._notices_at is None or at >= self._notices_at:
            self._notices_at = at + timedelta(seconds=NOTICES_EVERY_S)
            clear_old_notices()


def _wanted() -> Mapping[str, Collection[str]]:
    """By list, whom a person wants looked at now."""
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for row in Listing.objects.filter(cleared_at=None).exclude(look_wanted_at=None).select_related("ip"):
        wanted[row.zone].add(subject_of(row))
    return wanted
