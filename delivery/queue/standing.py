"""Standing: the round in which what is queued follows from tenants' standing: held, released, slowed, let go.

Promises: what was queued before a stream was held is held too, within seconds; what is released goes, in its turn where the tenant is slowed; all in small
transactions, as many as are needed but at most MOST_S a round. Repeating it changes nothing. Its memory is what it need not look for any more.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg import Cursor

from delivery.queue import neighbours
from delivery.submit.commit import committed
from mailplatform.tenants.models import Tenant
from pools.models import Pool, Stream
from pools.neighbours.act import why_held
from pools.neighbours.models import StandingAction
from pools.purposes import Purpose

SWEPT_FOR = timedelta(seconds=60)  # after that nothing of a held stream becomes ready any more
KNOWN_WITHIN = timedelta(seconds=4)  # until submission knows that a tenant is slowed (delivery.submit.facts)
RELEASED_FOR = timedelta(days=2)
MOST_S = 5.0
EVERY_S = 2.0
Kind, State = StandingAction.Kind, StandingAction.State


@dataclass(slots=True)
class _Round:
    done: set[tuple[int, str]] = field(default_factory=set)

    def __call__(self, at: datetime) -> None:
        until_s = time.monotonic() + MOST_S
        live = list(StandingAction.objects.filter(state=State.ACTIVE, kind__in=(Kind.HOLD, Kind.SLOW)).select_related("tenant"))
        over = StandingAction.objects.filter(state=State.ENDED, kind__in=(Kind.HOLD, Kind.SLOW), ended_at__gt=at - RELEASED_FOR).select_related("tenant")
        for action in [*live, *over]:
            if (action.pk, action.state) not in self.done and _follow(action, at, until_s):
                self.done.add((action.pk, action.state))


def begin() -> Callable[[datetime], None]:
    return _Round()


def _follow(action: StandingAction, at: datetime, until_s: float) -> bool:
    """Whether nothing is left to do, for good."""
    if action.state == State.ACTIVE:
        step, lasts = (_hold, SWEPT_FOR) if action.kind == Kind.HOLD else (_slow, KNOWN_WITHIN)
        return _until_none(step, action, at, until_s) and at >= action.begun_at + lasts
    return _until_none(_release if action.kind == Kind.HOLD else _let_go, action, at, until_s)


def _until_none(step: Callable[[Cursor, StandingAction, datetime], int], action: StandingAction, at: datetime, until_s: float) -> bool:
    while time.monotonic() < until_s:
        with committed() as cursor:
            if not step(cursor, action, at):
                return True
    return False


def _hold(cursor: Cursor, action: StandingAction, at: datetime) -> int:
    return neighbours.hold(cursor, action.stream_id, why_held(action))


def _slow(cursor: Cursor, action: StandingAction, at: datetime) -> int:
    per_minute, streams = Tenant.objects.values_list("bulk_per_minute", flat=True).get(pk=action.tenant_id), _bulk(action.tenant_id)
    return neighbours.slow(cursor, action.tenant_id, streams, per_minute, action.begun_at + KNOWN_WITHIN, at) if per_minute and streams else 0


def _release(cursor: Cursor, action: StandingAction, at: datetime) -> int:
    per_minute = Tenant.objects.values_list("bulk_per_minute", flat=True).get(pk=action.tenant_id)
    pace = per_minute if action.stream_id in _bulk(action.tenant_id) else None
    return neighbours.release(cursor, action.tenant_id, action.stream_id, why_held(action), pace, action.ended_by or "its standing", at)


def _let_go(cursor: Cursor, action: StandingAction, at: datetime) -> int:
    if Tenant.objects.filter(pk=action.tenant_id, bulk_per_minute=None).exists():
        return neighbours.let_go(cursor, action.tenant_id)
    return 0


def _bulk(tenant_id: int) -> list[int]:
    """The streams that a slowed tenant's rate is for."""
    streams = Stream.objects.filter(tenant_id=tenant_id).exclude(purpose=Purpose.TRANSACTIONAL).exclude(pool__kind=Pool.Kind.DEDICATED)
    return list(streams.values_list("pk", flat=True))
