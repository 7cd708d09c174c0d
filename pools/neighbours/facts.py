"""Facts: what became of tenants' mail, out of the stream minutes, as decayed sums.

Owns: pools_standingwindow, pools_neighboursprogress. Promises: each minute is added once, however often and by however many this is called (one row's lock
and how far it came, in the same transaction); a minute is added when nobody writes it any more; what is younger is read as it is. The cost is that of the
minutes that are new, not of the history. What a person forgave counts for nothing.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from pools.neighbours.models import NeighboursProgress
from pools.neighbours.standing import StreamSums, Sums
from pools.purposes import Purpose

OPEN_FOR = timedelta(minutes=2)  # a batch is counted into the minute in which its transaction began
FIRST_LOOK_BACK = timedelta(days=3)
FAST_S, LONG_S, COMPLAINTS_S = 3600, 24 * 3600, 72 * 3600  # half-lives
MINUTES_OF_LONG = LONG_S / 60 / 0.6931  # what a decayed sum of one a minute comes to

_LN2 = 0.6931471805599453


def _decay(seconds: str, half_life_s: int) -> str:
    """The factor; beyond sixty half-lives it is nothing, and exp() would say so by an error."""
    return f"exp(-least(40, greatest(0, {seconds}) * {_LN2} / {half_life_s}))"


_SUMS = {  # column: what a minute's row adds to it, and with which half-life it decays; None: never
    "fast_ended": ("m.delivered + m.bounced", FAST_S), "fast_bounced": ("m.bounced", FAST_S),
    "long_ended": ("m.delivered + m.bounced", LONG_S), "long_bounced": ("m.bounced", LONG_S),
    "delivered": ("m.delivered", COMPLAINTS_S), "complaints": ("m.complaints", COMPLAINTS_S),
    "submitted": ("m.delivered + m.bounced + m.suppressed", LONG_S), "suppressed": ("m.suppressed", LONG_S),
    "per_minute": ("m.attempted", LONG_S),
    "since_ended": ("m.delivered + m.bounced", None), "since_bounced": ("m.bounced", None),
    "since_delivered": ("m.delivered", None), "since_complaints": ("m.complaints", None),
}  # fmt: skip
_AGE = "extract(epoch FROM %(to)s::timestamptz - m.minute)"
_OPEN_AGE = "extract(epoch FROM %(now)s::timestamptz - m.minute)"
_WINDOW_AGE = "extract(epoch FROM {to}::timestamptz - w.at)"


def _added(age: str) -> str:
    """What minutes add, in the order of _SUMS."""
    parts = []
    for column, (counted, half_life_s) in _SUMS.items():
        since = "FILTER (WHERE m.minute >= coalesce(w.since_from, '-infinity'))" if half_life_s is None else ""
        weight = f" * {_decay(age, half_life_s)}" if half_life_s else ""
        parts.append(f"coalesce(sum(({counted}){weight}) {since}, 0) AS {column}")
    return ",\n           ".join(parts)


_UNFORGIVEN = "m.minute >= coalesce(w.fresh_from, '-infinity')"

FOLD = f"""
    INSERT INTO pools_standingwindow AS w (stream_id, provider_id, tenant_id, at, {", ".join(_SUMS)})
    SELECT m.stream_id, m.provider_id, max(m.tenant_id), %(to)s,
           {_added(_AGE)}
      FROM pools_streamminute m LEFT JOIN pools_standingwindow w USING (stream_id, provider_id)
     WHERE m.minute >= %(from)s AND m.minute < %(to)s AND {_UNFORGIVEN}
     GROUP BY 1, 2
     ORDER BY 1, 2
    ON CONFLICT (stream_id, provider_id) DO UPDATE SET at = excluded.at,
           {", ".join(
               f"{column} = w.{column}" + (f" * {_decay(_WINDOW_AGE.format(to='excluded.at'), half_life_s)}" if half_life_s else "") + f" + excluded.{column}"
               for column, (_, half_life_s) in _SUMS.items())}
"""

JUDGED = f"""
    WITH who AS (
        SELECT DISTINCT tenant_id FROM pools_streamminute WHERE minute >= %(since)s
         UNION SELECT tenant_id FROM pools_tenantstanding WHERE level <> 'good'
         UNION SELECT id FROM tenants_tenant WHERE id = %(tenant)s OR (%(since)s::timestamptz IS NULL AND %(tenant)s IS NULL)),
         part AS (
        SELECT w.tenant_id, w.stream_id, w.provider_id,
               {", ".join(
                   f"w.{column}" + (f" * {_decay(_WINDOW_AGE.format(to='%(now)s'), half_life_s)}" if half_life_s else "") + f" AS {column}"
                   for column, (_, half_life_s) in _SUMS.items())}
          FROM pools_standingwindow w JOIN who USING (tenant_id)
         UNION ALL
        SELECT max(m.tenant_id), m.stream_id, m.provider_id,
           {_added(_OPEN_AGE)}
          FROM pools_streamminute m LEFT JOIN pools_standingwindow w USING (stream_id, provider_id)
         WHERE m.minute >= %(folded)s AND {_UNFORGIVEN}
         GROUP BY 2, 3),
         hears AS (SELECT DISTINCT provider_id FROM part WHERE complaints > 0 UNION SELECT provider_id FROM pools_standingwindow WHERE complaints > 0)
    SELECT s.tenant_id, s.id, s.name, s.purpose, p.kind,
           {", ".join(f"sum(part.{column})" for column in ("fast_ended", "fast_bounced", "long_ended", "long_bounced"))},
           coalesce(sum(part.delivered) FILTER (WHERE hears.provider_id IS NOT NULL), 0), sum(part.complaints), sum(part.submitted), sum(part.suppressed),
           sum(part.per_minute) / {MINUTES_OF_LONG}, sum(part.since_ended), sum(part.since_bounced),
           coalesce(sum(part.since_delivered) FILTER (WHERE hears.provider_id IS NOT NULL), 0), sum(part.since_complaints)
      FROM part JOIN pools_stream s ON s.id = part.stream_id JOIN pools_pool p ON p.id = s.pool_id LEFT JOIN hears USING (provider_id)
     WHERE %(tenant)s::int8 IS NULL OR s.tenant_id = %(tenant)s
     GROUP BY s.id, p.kind
"""

WORST = f"""
    SELECT p.name, sum(w.long_ended), sum(w.long_bounced)
      FROM (SELECT provider_id, long_ended, long_bounced FROM pools_standingwindow WHERE tenant_id = %(tenant)s
             UNION ALL
            SELECT m.provider_id, (m.delivered + m.bounced)::float8, m.bounced::float8 FROM pools_streamminute m
              LEFT JOIN pools_standingwindow w USING (stream_id, provider_id)
             WHERE m.tenant_id = %(tenant)s AND m.minute >= %(folded)s AND {_UNFORGIVEN}) w
      JOIN pools_provider p ON p.id = w.provider_id
     GROUP BY p.name HAVING sum(w.long_bounced) > 0 ORDER BY sum(w.long_bounced) DESC LIMIT 3
"""


def fold(at: datetime) -> tuple[datetime, datetime]:
    """Add the minutes that are over: (from when on it added, up to where it is done now)."""
    to = (at - OPEN_FOR).replace(second=0, microsecond=0)
    with transaction.atomic():
        NeighboursProgress.objects.get_or_create(pk=1, defaults={"folded_to": to - FIRST_LOOK_BACK})
        progress = NeighboursProgress.objects.select_for_update().get(pk=1)
        was = progress.folded_to
        if was < to:
            with connection.cursor() as cursor:
                cursor.execute(FOLD, {"from": was, "to": to})
            progress.folded_to = to
            progress.save(update_fields=["folded_to"])
        return was, progress.folded_to


def folded_to(at: datetime) -> datetime:
    found = NeighboursProgress.objects.filter(pk=1).first()
    return found.folded_to if found else at - FIRST_LOOK_BACK


def judged(at: datetime, folded: datetime, since: datetime | None = None, tenant_id: int | None = None) -> dict[int, list[StreamSums]]:
    """By tenant, the streams of those that sent `since` then (None: of everybody), or are not in good standing; of one tenant when it is named."""
    found: dict[int, list[StreamSums]] = {}
    asked = {"now": at, "folded": folded, "since": since, "tenant": tenant_id}
    with connection.cursor() as cursor:
        cursor.execute(JUDGED, asked)
        for tenant, stream, name, purpose, kind, *sums in cursor.fetchall():
            sums = Sums(*(float(each or 0) for each in sums))
            found.setdefault(tenant, []).append(StreamSums(stream, name, kind != "dedicated", purpose == Purpose.TRANSACTIONAL, sums))
    return found


def worst_providers(tenant_id: int, at: datetime) -> list[dict[str, object]]:
    """Where most of its mail bounced."""
    with connection.cursor() as cursor:
        cursor.execute(WORST, {"tenant": tenant_id, "folded": folded_to(at)})
        return [{"provider": name, "ended": round(ended), "bounced": round(bounced)} for name, ended, bounced in cursor.fetchall()]


def forgive(tenant_id: int, at: datetime, streams: Iterable[int] | None = None) -> None:
    """What was counted of these streams (None: all of the tenant's) until now counts for nothing."""
    zero = ", ".join(f"{column} = 0" for column in _SUMS if not column.startswith("since_") and column != "per_minute")
    _anew(tenant_id, at, streams, f"fresh_from = %(at)s, {zero},")


def count_anew(tenant_id: int, at: datetime) -> None:
    """The level has changed: what eases it is what comes from now on."""
    _anew(tenant_id, at, None, "")


_OPEN = """
    INSERT INTO pools_standingwindow (stream_id, provider_id, tenant_id, at)
    SELECT DISTINCT stream_id, provider_id, tenant_id, %(folded)s::timestamptz FROM pools_streamminute
     WHERE tenant_id = %(tenant)s AND minute >= %(folded)s
    ON CONFLICT DO NOTHING
"""


def _anew(tenant_id: int, at: datetime, streams: Iterable[int] | None, also: str) -> None:
    zero = ", ".join(f"{column} = 0" for column in _SUMS if column.startswith("since_"))
    asked: dict[str, Any] = {"tenant": tenant_id, "at": at, "folded": folded_to(at), "streams": None if streams is None else list(streams)}
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, asked)
        cursor.execute(
            f"UPDATE pools_standingwindow SET {also} since_from = %(at)s, {zero} WHERE tenant_id = %(tenant)s"
            " AND (%(streams)s::int8[] IS NULL OR stream_id = ANY (%(streams)s))",
            asked,
        )
