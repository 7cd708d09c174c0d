"""Around: what changed near an incident's beginning: by people, by the platform itself, and what else was found.

Owns: the reading of it, for one page. Promises: what certainly concerns another of its like is left out; at most MOST, those nearest to the beginning.
Never: says that one thing is because of another.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from mailplatform.shell.models import AuditEntry, Notice, Severity
from monitoring.alerts.models import Incident
from monitoring.alerts.noticed import COVERED_BY
from monitoring.alerts.sources import NOTICE
from monitoring.alerts.subject import About, about
from monitoring.dns.models import DnsChange
from monitoring.drills.models import Drill, DrillKind
from monitoring.endpoints.models import EndpointVerdict
from monitoring.models import Verdict
from pools.listings.models import Listing
from pools.neighbours.models import StandingAction
from pools.reputation.models import Action
from warming.warmups import WarmupDecision

BEFORE, AFTER = timedelta(hours=1), timedelta(minutes=30)
EACH = 10  # of a kind, before and after
MOST = 26  # as many as there are letters
AT_ONCE, FEW = timedelta(minutes=1), 3


@dataclass(frozen=True, slots=True)
class Around:
    """`who` empty: the platform. `kind` and `look`: what it is, as a word and a state."""

    at: datetime
    sentence: str
    who: str
    link: str
    kind: str = ""
    look: str = "info"


@dataclass(frozen=True, slots=True)
class Span:
    """From a while before it began until a while after it opened."""

    since: datetime
    opened: datetime
    until: datetime

    def rows(self, rows: QuerySet[Any], at: str) -> list[Any]:
        """Those nearest to when it opened, on either side."""
        before = rows.filter(**{f"{at}__gte": self.since, f"{at}__lte": self.opened}).order_by(f"-{at}")[:EACH]
        after = rows.filter(**{f"{at}__gt": self.opened, f"{at}__lte": self.until}).order_by(at)[:EACH]
        return [*before, *after]


def around(incident: Incident) -> list[Around]:
    """In the order of time."""
    of = about(incident)
    span = Span(incident.since - BEFORE, incident.opened_at, incident.opened_at + AFTER)
    found = gathered([one for ask in _ASKED for one in ask(incident, of, span)])
    found.sort(key=lambda one: abs((one.at - incident.since).total_seconds()))
    return sorted(found[:MOST], key=lambda one: one.at)


def gathered(found: Iterable[Around]) -> list[Around]:
    """What happened at once, of one kind and by the same, is one line: the first of it, and how many more."""
    runs: dict[tuple[str, str], list[list[Around]]] = {}
    for one in sorted(found, key=lambda one: one.at):
        of_kind = runs.setdefault((one.kind, one.who), [])
        if of_kind and one.at - of_kind[-1][0].at <= AT_ONCE:
            of_kind[-1].append(one)
        else:
            of_kind.append([one])
    return [line for of_kind in runs.values() for run in of_kind for line in _as_lines(run)]


def _as_lines(run: list[Around]) -> list[Around]:
    if len(run) < FEW:
        return run
    return [replace(run[0], sentence=f"{run[0].sentence.rstrip('.')}; and {len(run) - 1:,} more within a minute.")]


# -- what people did ---------------------------------------------------------------------------------------------------
def _people(incident: Incident, of: About, span: Span) -> Iterator[Around]:
    """What was done to incidents is in their own timelines."""
    for row in span.rows(AuditEntry.objects.exclude(action__startswith="incident "), "at"):
        if of.is_meant_by(f"{row.target} {row.sentence}"):
            yield Around(row.at, row.sentence, row.actor, reverse("audit"), "by hand", "working")


def _drills(_: Incident, __: About, span: Span) -> Iterator[Around]:
    """Whatever they are of: something was broken on purpose."""
    for row in span.rows(Drill.objects.exclude(kind=DrillKind.SEND_MESSAGE).exclude(state__in=["refused", "skipped"]), "started_at"):
        words = f"The drill “{row.get_kind_display()}” began" + (f", of {row.scope}." if row.scope else ".")
        yield Around(row.started_at, words, row.started_by, reverse("drill_run", args=[row.pk]), "drill", "limited")


# -- what the platform did by itself -----------------------------------------------------------------------------------
def _reputation(_: Incident, of: About, span: Span) -> Iterator[Around]:
    asked = _of_ways(of, "ip", "provider", "pool", "tenant")
    if asked is None:
        return
    for row in span.rows(Action.objects.filter(asked).select_related("pool"), "at"):
        link = reverse("ip", args=[row.ip_id]) if row.ip_id else reverse("pool", args=[row.pool.name]) if row.pool else reverse("deeds")
        kind = "proposed" if row.state == Action.State.PROPOSED else "reputation"
        yield Around(row.at, row.sentence, "", link, kind, "stopped" if row.name in (Action.Name.LEAVE, Action.Name.IP_OUT) else "limited")


def _neighbours(_: Incident, of: About, span: Span) -> Iterator[Around]:
    if of.endpoint or of.nodes is not None:
        return
    asked = Q(tenant=of.tenant) if of.tenant else Q()
    for row in span.rows(StandingAction.objects.filter(asked).exclude(state="proposed").select_related("tenant"), "begun_at"):
        yield Around(row.begun_at, row.sentence, row.by, reverse("tenant_standing", args=[row.tenant.name]), "tenant", "limited")


def _warming(_: Incident, of: About, span: Span) -> Iterator[Around]:
    asked = _of_ways(of, "warmup__ip", "warmup__provider")
    if asked is None:
        return
    for row in span.rows(WarmupDecision.objects.filter(asked).select_related("warmup__ip", "warmup__provider"), "at"):
        words = f"{row.warmup.ip} at {row.warmup.where}: {row.sentence}"
        yield Around(row.at, words, row.by, reverse("warmup_ip", args=[row.warmup.ip_id]), "warm-up", "warming")


def _dns(_: Incident, of: About, span: Span) -> Iterator[Around]:
    if not (of.is_everything or of.zone or of.endpoint):
        return
    for row in span.rows(DnsChange.objects.select_related("record_set"), "at"):
        who = "" if row.kind in (DnsChange.Kind.FAILOVER, DnsChange.Kind.FAIL_BACK) else row.who
        yield Around(row.at, f"{row.record_set}, {row.get_kind_display()}: {row.why}", who, reverse("dns_set", args=[row.record_set_id]), "DNS", "working")


# -- what was found ----------------------------------------------------------------------------------------------------
def _verdicts(_: Incident, of: About, span: Span) -> Iterator[Around]:
    if of.endpoint:
        return
    asked = Q() if of.nodes is None else Q(node__in=of.nodes)
    for row in span.rows(Verdict.objects.filter(asked).select_related("node"), "at"):
        words = f"An engine of {row.node} was found {row.get_kind_display().lower()}; {row.given_back:,} deliveries came back to the queue."
        yield Around(row.at, words, "", reverse("health"), "engine", "dead")


def _endpoints(_: Incident, of: About, span: Span) -> Iterator[Around]:
    if not (of.is_everything or of.zone or of.endpoint):
        return
    asked = Q(endpoint=of.endpoint) if of.endpoint else Q(endpoint__zone=of.zone) if of.zone else Q()
    for row in span.rows(EndpointVerdict.objects.filter(asked).select_related("endpoint"), "at"):
        yield Around(row.at, row.sentence, "", reverse("endpoints"), "endpoint", "dead" if row.state == "down" else "good")


def _listings(_: Incident, of: About, span: Span) -> Iterator[Around]:
    if of.endpoint or of.tenant:
        return
    asked = Q() if of.ips is None else Q(ip__in=of.ips)
    for row in span.rows(Listing.objects.filter(asked).select_related("ip"), "listed_since"):
        link = reverse("ip", args=[row.ip_id]) if row.ip_id else reverse("listings")
        yield Around(row.listed_since, f"{row.ip or row.domain} was listed by {row.zone}.", "", link, "block list", "refused")


def _notices(incident: Incident, of: About, span: Span) -> Iterator[Around]:
    """Those that ask for a person. What a shipped rule says too is there as its incident, and as the act behind it."""
    rows = Notice.objects.filter(severity__gte=Severity.WARNING).exclude(kind__in=COVERED_BY)
    for row in span.rows(rows.exclude(kind=incident.source.partition(NOTICE)[2], scope=incident.subject), "created_at"):
        if of.is_meant_by(f"{row.scope} {row.sentence}"):
            yield Around(row.created_at, row.sentence, "", row.link, "notice", row.get_severity_display())


def _incidents(incident: Incident, _: About, span: Span) -> Iterator[Around]:
    """Others than its own group's. What a notice says is there already."""
    rows = Incident.objects.exclude(pk=incident.pk).exclude(parent=incident.pk).exclude(source__startswith=NOTICE)
    if incident.parent_id:
        rows = rows.exclude(pk=incident.parent_id).exclude(parent=incident.parent_id)
    for row in span.rows(rows, "opened_at"):
        yield Around(row.opened_at, row.sentence, "", reverse("incident", args=[row.pk]), "incident", row.get_severity_display())


def _of_ways(of: About, ip: str, provider: str, pool: str = "", tenant: str = "") -> Q | None:
    """Rows of its IPs, provider, pool or tenant; None: they have nothing to do with it."""
    if of.is_everything:
        return Q()
    if of.endpoint or (of.tenant and not tenant):
        return None
    if of.tenant:
        return Q(**{tenant: of.tenant})
    if of.ips is not None and of.provider is not None:  # a path, and its whole IP
        return Q(**{f"{ip}__in": of.ips}) & (Q(**{provider: of.provider}) | Q(**{f"{provider}__isnull": True}))
    if of.ips is not None:
        mine = Q(**{f"{ip}__in": of.ips})
        return mine | Q(**{pool: of.pool}) if pool and of.pool else mine
    return Q(**{provider: of.provider}) if of.provider else Q()


_ASKED: tuple[Callable[[Incident, About, Span], Iterable[Around]], ...] = (
    _people, _drills, _reputation, _neighbours, _warming, _dns, _verdicts, _endpoints, _listings, _notices, _incidents,
)  # fmt: skip
