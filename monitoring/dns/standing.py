"""Standing: a record set with its targets and their endpoints, read for the decision. Rows in, values out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch

from mailplatform.shell.clock import now as platform_now
from monitoring.dns.decide import Decision, FailBack, Published, Rules, Target, decide
from monitoring.dns.models import DnsChange, RecordSet, RecordTarget
from monitoring.drills.declared import dead_targets
from monitoring.endpoints.models import Endpoint, EndpointVerdict

OPEN = (DnsChange.State.INTENDED, DnsChange.State.PUSHED)


@dataclass(frozen=True, slots=True)
class Cause:
    """The verdict that a change follows, with what there was to see."""

    at: datetime | None
    first_sign_at: datetime | None
    evidence: dict[str, Any]


def all_sets() -> list[RecordSet]:
    targets = RecordTarget.objects.prefetch_related("endpoints__zone").order_by("priority", "-weight", "value")
    sets = list(RecordSet.objects.select_related("dns_zone").prefetch_related(Prefetch("targets", targets)))
    if dead := dead_targets(platform_now()):
        for target in (target for row in sets for target in row.targets.all()):
            target.called_dead_at = dead.get(target.pk)
    return sets


def open_changes(sets: Sequence[RecordSet]) -> dict[int, DnsChange]:
    """The newest one a set that is under way."""
    return {change.record_set_id: change for change in DnsChange.objects.filter(record_set__in=sets, state__in=OPEN).order_by("id")}


def decision_of(row: RecordSet, now: datetime) -> Decision:
    published = Published(tuple(row.published), row.published_ttl_s, row.changed_at)
    return decide([target_of(target, row) for target in row.targets.all()], rules_of(row), published, row.chosen, now)


def rules_of(row: RecordSet) -> Rules:
    return Rules(row.ttl_s, row.least_answers, row.most_answers, FailBack(row.fail_back), row.fail_back_after_s, row.least_between_s)


def target_of(target: RecordTarget, row: RecordSet) -> Target:
    """An endpoint of which nobody has spoken yet is no reason to leave a target, and none to take it up; one in a zone out of service is."""
    asked = [endpoint for endpoint in target.endpoints.all() if endpoint.enabled]
    counts = [endpoint.state == Endpoint.State.UP or (endpoint.state == Endpoint.State.UNKNOWN and target.value in row.published) for endpoint in asked]
    zones = [endpoint.zone for endpoint in asked if endpoint.zone]
    in_service = all(zone.state == zone.State.ACTIVE for zone in zones)
    called_dead_at = target.called_dead_at  # by a drill, for a while
    lives = in_service and not called_dead_at and (not asked or (any(counts) if row.rule == RecordSet.Rule.ANY else all(counts)))
    since = max((at for at in (*(endpoint.since for endpoint in asked), *(zone.state_at for zone in zones), called_dead_at) if at), default=None)
    return Target(target.value, lives, target.priority, target.weight, since)


def cause_of(row: RecordSet, after: Sequence[str]) -> Cause:
    """What was known of the targets that a change is about, and of all others."""
    told, about = [], []
    for target in row.targets.all():
        for endpoint in target.endpoints.all():
            since = endpoint.since.isoformat() if endpoint.since else None
            told.append({"target": target.value, "endpoint": endpoint.name, "state": endpoint.state, "since": since})
            if (target.value in row.published) != (target.value in after):
                about.append(endpoint)
    latest = max((endpoint for endpoint in about if endpoint.since), key=lambda endpoint: endpoint.since, default=None)  # type: ignore[arg-type,return-value]
    verdict = EndpointVerdict.objects.filter(endpoint=latest).first() if latest else None
    evidence: dict[str, Any] = {"targets": told} | ({"verdict": verdict.sentence, "endpoint": latest.name} if verdict and latest else {})
    return Cause(verdict.at if verdict else None, verdict.first_sign_at if verdict else None, evidence)
