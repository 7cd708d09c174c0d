"""Settle: who would move between graded shared pools, and the moves themselves.

Owns: pools_poolmove; writes `pool_id` of streams. Promises: a move is made once and only from the pool that it was decided for; it can be taken back; by
itself at most MOST a minute are made, each audited. What is queued already keeps its pool. Never: touches dedicated or hybrid pools.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import Count, Max, Q

from mailplatform.shell.audit import record
from mailplatform.shell.models import Severity
from mailplatform.shell.notices import clear_notice, raise_notice
from pools.models import Pool, Stream
from pools.neighbours.models import Level, Mode, NeighboursPolicy, NewcomerCap, PoolMove, TenantStanding
from pools.neighbours.moves import GradedPool, Settler, Stay, Wanted, plan

MOST = 10
DAY_S = 86_400
NOTICE = "pool_moves"
State = PoolMove.State


def planned(policy: NeighboursPolicy, at: datetime) -> list[Wanted]:
    """The preview: who would move now, and why."""
    pools = graded()
    if len({pool.grade for pool in pools}) < 2:
        return []
    return plan(settlers(pools, at), pools, Stay(policy.move_stay_days, policy.good_after_days))


def graded() -> list[GradedPool]:
    rows = Pool.objects.filter(kind=Pool.Kind.SHARED).exclude(grade="").annotate(ip_count=Count("members", distinct=True))
    purposes: dict[int, dict[int, int]] = {}
    for pool, purpose, count in Stream.objects.filter(pool__in=rows).values_list("pool_id", "purpose").annotate(n=Count("pk")):
        purposes.setdefault(pool, {})[purpose] = count
    return [GradedPool(row.pk, row.name, row.grade, row.ip_count, purposes.get(row.pk, {})) for row in rows]


def settlers(pools: list[GradedPool], at: datetime) -> list[Settler]:
    grades = {pool.id: pool.grade for pool in pools}
    streams = Stream.objects.filter(pool_id__in=grades).select_related("tenant").order_by("tenant__name", "name")
    standings = {row.tenant_id: row for row in TenantStanding.objects.all()}
    capped = set(NewcomerCap.objects.filter(lifted_at=None).values_list("pk", flat=True))
    settled = Q(moves__state__in=(State.MADE, State.UNDONE, State.DECLINED))
    found = []
    for stream in streams.annotate(last=Max("moves__settled_at", filter=settled)):
        tenant, standing = stream.tenant, standings.get(stream.tenant_id)
        good_since = standing.good_since if standing else tenant.created_at
        found.append(Settler(
            stream.pk, stream.name, tenant.pk, str(tenant), stream.purpose, stream.pool_id, grades[stream.pool_id],
            standing.level if standing else Level.GOOD, _days(at, tenant.created_at), _days(at, good_since) if good_since else None, tenant.pk in capped,
            _days(at, stream.last) if stream.last else None,
        ))  # fmt: skip
    return found


def _days(at: datetime, since: datetime) -> float:
    return (at - since).total_seconds() / DAY_S


def moves(policy: NeighboursPolicy, at: datetime) -> None:
    """Once a minute: propose or make what is planned; what is no longer wanted is no longer proposed."""
    if policy.moves == Mode.OFF:
        if PoolMove.objects.filter(state=State.PROPOSED).delete()[0]:
            clear_notice(NOTICE, "")
        return
    wanted = {each.settler.stream_id: each for each in planned(policy, at)}
    for row in PoolMove.objects.filter(state=State.PROPOSED):
        if row.stream_id not in wanted or wanted[row.stream_id].to.id != row.to_pool_id:
            row.delete()
    for number, each in enumerate(wanted.values()):
        row = proposed(each, at)
        if policy.moves == Mode.AUTOMATIC and number < MOST and make(row, "", at):
            record("the platform", "stream moved", row.stream, row.sentence)
    _tell(len(wanted) if policy.moves == Mode.PROPOSE else 0)


def _tell(proposals: int) -> None:
    if proposals:
        said = f"{proposals} {'stream' if proposals == 1 else 'streams'} would be moved to another shared pool: look at who and why, then decide."
        raise_notice(NOTICE, "", Severity.INFO, said, {"proposals": proposals}, link="/neighbours/moves/")
    else:
        clear_notice(NOTICE, "")


def proposed(wanted: Wanted, at: datetime) -> PoolMove:
    """The open proposal for this stream, made where there is none."""
    one = wanted.settler
    row, _ = PoolMove.objects.filter(state=State.PROPOSED).get_or_create(
        stream_id=one.stream_id,
        defaults={
            "tenant_id": one.tenant_id, "from_pool_id": one.pool_id, "to_pool_id": wanted.to.id, "state": State.PROPOSED, "sentence": wanted.sentence,
            "evidence": {"level": one.level, "age_days": round(one.age_days, 1), "good_days": None if one.good_days is None else round(one.good_days, 1)},
            "proposed_at": at,
        },
    )  # fmt: skip
    return row


def make(row: PoolMove, by: str, at: datetime) -> bool:
    """Whether it was made: somebody may have moved the stream meanwhile, or made it already."""
    with transaction.atomic():
        locked = PoolMove.objects.select_for_update().get(pk=row.pk)
        if locked.state != State.PROPOSED:
            return False
        moved = Stream.objects.filter(pk=row.stream_id, pool_id=row.from_pool_id).update(pool_id=row.to_pool_id)
        _settle(locked, State.MADE if moved else State.DECLINED, by, at)
    return bool(moved)


def undo(row: PoolMove, by: str, at: datetime) -> bool:
    """Back to where it was, unless it has moved on since."""
    with transaction.atomic():
        locked = PoolMove.objects.select_for_update().get(pk=row.pk)
        if locked.state != State.MADE or not Stream.objects.filter(pk=row.stream_id, pool_id=row.to_pool_id).update(pool_id=row.from_pool_id):
            return False
        _settle(locked, State.UNDONE, by, at)
    return True


def decline(row: PoolMove, by: str, at: datetime) -> bool:
    """Not this one, and not again before the minimum stay is over."""
    with transaction.atomic():
        locked = PoolMove.objects.select_for_update().get(pk=row.pk)
        if locked.state == State.PROPOSED:
            _settle(locked, State.DECLINED, by, at)
            return True
    return False


def _settle(row: PoolMove, state: str, by: str, at: datetime) -> None:
    row.state, row.by, row.settled_at = state, by[:200], at
    row.save(update_fields=["state", "by", "settled_at"])
