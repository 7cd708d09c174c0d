"""Act: a tenant's level changes, by itself or by a person's word, with everything that follows from it.

Owns: pools_tenantstanding, pools_standingaction, and what mail obeys: the tenant's `bulk_share` and `bulk_per_minute`, the stream's `held_why`.
Promises: all of a change or none of it; a change that was decided on another level than the row has is not made (two stewards, or a person who was
faster); each action is a row with its sentence, evidence and expiry, and who ended it; people's doings are audited by whoever calls. Nothing accepted is
lost: what is held waits in the queue (delivery.queue.neighbours moves it), what is slowed goes later. Never: decides.
"""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from mailplatform.shell.models import Severity
from mailplatform.shell.notices import clear_notice, raise_notice
from mailplatform.tenants.models import Tenant
from pools.models import Stream
from pools.neighbours import facts
from pools.neighbours.models import Level, NeighboursPolicy, StandingAction, TenantStanding
from pools.neighbours.standing import Decision, Finding, Held, StreamSums, slowed_rate

NOTICE, PROPOSAL = "tenant_standing", "tenant_proposal"
FULL_SHARE = 100
LONGEST_WHY = 260
Kind, State = StandingAction.Kind, StandingAction.State
Wanted = set[tuple[str, int]]
_SEVERITY = {Level.WARNED: Severity.INFO, Level.SLOWED: Severity.WARNING, Level.HELD: Severity.WARNING}
LEVEL_OF = {Kind.WARN: Level.WARNED, Kind.SLOW: Level.SLOWED, Kind.HOLD: Level.HELD}
DONE = {
    Level.GOOD: "is in good standing again",
    Level.WARNED: "is warned",
    Level.SLOWED: "is slowed: its marketing and notifications go at a lower rate",
    Level.HELD: "has mail held: the streams at fault are accepted and wait for a person",
}


def wanted_of(level: str, streams: Iterable[int]) -> Wanted:
    """Which actions a level is made of."""
    if level == Level.WARNED:
        return {(Kind.WARN, 0)}
    slow: Wanted = {(Kind.SLOW, 0)} if level in (Level.SLOWED, Level.HELD) else set()
    return slow | {(Kind.HOLD, stream) for stream in streams} if level == Level.HELD else slow


def why_held(action: StandingAction) -> str:
    """What a held stream's deliveries wait for, in the queue's own words; the same for ever, so that just these can be let go again."""
    return f"{action.sentence[: LONGEST_WHY - 30]} (action {action.pk})"


def now_held(tenant_ids: Iterable[int] | None = None) -> dict[int, Held]:
    """The levels in force, of those that are not in good standing."""
    rows = TenantStanding.objects.exclude(level=Level.GOOD)
    holds = StandingAction.objects.filter(kind=Kind.HOLD, state=State.ACTIVE)
    if tenant_ids is not None:
        rows, holds = rows.filter(tenant_id__in=tenant_ids), holds.filter(tenant_id__in=tenant_ids)
    streams: dict[int, set[int]] = {}
    for tenant, stream in holds.values_list("tenant_id", "stream_id"):
        streams.setdefault(tenant, set()).add(stream)
    return {row.tenant_id: Held(Level(row.level), row.since, frozenset(streams.get(row.tenant_id, ()))) for row in rows}


def evidence_of(findings: Iterable[Finding]) -> dict[str, Any]:
    """What was found, in numbers that a page can show and a person check."""
    return {"findings": [{**asdict(each), "level": str(each.level), "rate": {**asdict(each.rate), "measure": str(each.rate.measure)}} for each in findings]}


def change(
    tenant: Tenant, before: Held, decision: Decision, streams: Iterable[StreamSums], policy: NeighboursPolicy, at: datetime, by: str = ""
) -> bool:
    """Make it so. False: it is not as it was when this was decided."""
    with transaction.atomic():
        row, _ = TenantStanding.objects.select_for_update().get_or_create(
            tenant=tenant, defaults={"since": at, "judged_at": at, "good_since": tenant.created_at}
        )
        if row.level != before.level:
            return False
        evidence = evidence_of(decision.findings) | ({"worst": facts.worst_providers(tenant.pk, at)} if decision.findings else {})
        _actions(tenant, decision, evidence, at, policy, by)
        if row.level != decision.level:
            row.since = at
            facts.count_anew(tenant.pk, at)
        row.good_since = (at if row.level != Level.GOOD else row.good_since) if decision.level == Level.GOOD else None
        row.level, row.sentence, row.figures, row.judged_at = decision.level, decision.sentence, evidence, at
        row.save()
        _obey(tenant, decision.level, list(streams), policy)
        _tell(tenant, decision, evidence)
    return True


def _actions(tenant: Tenant, decision: Decision, evidence: dict[str, Any], at: datetime, policy: NeighboursPolicy, by: str) -> None:
    wanted = wanted_of(decision.level, decision.streams)
    expires = at + timedelta(hours=policy.expires_hours)
    names = dict(Stream.objects.filter(tenant=tenant).values_list("pk", "name"))
    for row in StandingAction.objects.select_for_update().filter(tenant=tenant).exclude(state=State.ENDED):
        key = (row.kind, row.stream_id)
        if key in wanted and row.state == State.ACTIVE:
            wanted.discard(key)
            continue
        row.state, row.ended_at, row.ended_by, row.ended_because = State.ENDED, at, by, decision.sentence
        row.save(update_fields=["state", "ended_at", "ended_by", "ended_because"])
    for kind, stream in sorted(wanted):
        StandingAction.objects.create(
            tenant=tenant, stream_id=stream, kind=kind, sentence=_named(kind, names.get(stream, ""), decision.sentence), evidence=evidence, by=by,
            begun_at=at, expires_at=None if kind == Kind.HOLD else expires,
        )  # fmt: skip


def _named(kind: str, stream: str, why: str) -> str:
    did = {Kind.WARN: "Warned", Kind.SLOW: "Slowed", Kind.HOLD: f"The stream {stream} is held"}[Kind(kind)]
    return f"{did}: {why}"


def _obey(tenant: Tenant, level: str, streams: list[StreamSums], policy: NeighboursPolicy) -> None:
    """Write what submission and the queue go by into the rows that they read anyway."""
    if level in (Level.SLOWED, Level.HELD):
        per_minute = slowed_rate(streams, policy.slow_share, policy.slow_least_per_minute)
        Tenant.objects.filter(pk=tenant.pk).update(bulk_share=policy.slow_share, bulk_per_minute=per_minute)
    else:
        Tenant.objects.filter(pk=tenant.pk).update(bulk_share=FULL_SHARE, bulk_per_minute=None)
    holds = {row.stream_id: row for row in StandingAction.objects.filter(tenant=tenant, kind=Kind.HOLD, state=State.ACTIVE)}
    for stream in Stream.objects.filter(tenant=tenant):
        why = why_held(holds[stream.pk]) if stream.pk in holds else ""
        if stream.held_why != why:
            Stream.objects.filter(pk=stream.pk).update(held_why=why)


def _tell(tenant: Tenant, decision: Decision, evidence: dict[str, Any]) -> None:
    scope = f"tenant {tenant.pk}"
    clear_notice(PROPOSAL, scope)
    if decision.level == Level.GOOD:
        clear_notice(NOTICE, scope)
        return
    sentence = f"{tenant} {DONE[Level(decision.level)]}. {decision.sentence}"
    raise_notice(NOTICE, scope, _SEVERITY[Level(decision.level)], sentence, {**evidence, "tenant_id": tenant.pk}, link=f"/tenants/{tenant.name}/standing/")


def propose(tenant: Tenant, decision: Decision, at: datetime) -> bool:
    """Write down what would be done, for a person to decide; whether it is new."""
    new = False
    known = set(StandingAction.objects.filter(tenant=tenant).exclude(state=State.ENDED).values_list("kind", "stream_id"))
    names = dict(Stream.objects.filter(tenant=tenant).values_list("pk", "name"))
    for kind, stream in sorted(wanted_of(decision.level, decision.streams) - known):
        evidence = evidence_of(decision.findings)
        sentence = _named(kind, names.get(stream, ""), decision.sentence)
        _, made = StandingAction.objects.exclude(state=State.ENDED).get_or_create(
            tenant=tenant, kind=kind, stream_id=stream,
            defaults={"state": State.PROPOSED, "sentence": sentence, "evidence": evidence, "begun_at": at},
        )  # fmt: skip
        new |= made
    if new:
        said = f"It is proposed that {tenant} {DONE[Level(decision.level)].replace('is ', 'be ', 1).replace('has ', 'have ', 1)}. {decision.sentence}"
        raise_notice(PROPOSAL, f"tenant {tenant.pk}", Severity.WARNING, said, {"tenant_id": tenant.pk}, link=f"/tenants/{tenant.name}/standing/")
    return new
