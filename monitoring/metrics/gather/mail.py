"""What becomes of mail: how much was added to the minutes of paths and streams since the tick before, and how much was accepted.

Minutes grow while they last, and a little after: engines write in batches. So for each minute and subject is remembered what was seen, and the minute before
is read again, the three before once a minute. Who begins, or was away for longer than AWAY, begins at the sums as they are: of what happened
before nothing is told twice, and what happened meanwhile is in the minutes' own history, not here.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from mailplatform.shell.database.rows import select
from mailplatform.shell.ids import lowest_id_at
from monitoring.metrics.catalog import Dimension as D
from monitoring.metrics.gather.moment import Moment, Values, added, of_all
from monitoring.metrics.gather.places import Places, provider_key
from monitoring.metrics.tick import beginning

log = logging.getLogger(__name__)

MINUTE = timedelta(minutes=1)
AGAIN, AGAIN_EACH_MINUTE = MINUTE, 3 * MINUTE
ACCEPTED_AFTER = timedelta(seconds=3)  # an id is made before its transaction ends
_COUNTS = ("attempted", "delivered", "deferred", "bounced", "blocked", "complaints", "rerouted", "connects", "tls_errors")
_PATHS = """
SELECT m.minute, m.ip_id, CASE WHEN m.ip_id IS NULL THEN m.provider END, sum(attempted)::float8, sum(delivered)::float8, sum(deferred)::float8,
       sum(bounced)::float8, sum(blocked)::float8, sum(complaints)::float8, sum(rerouted)::float8, sum(connects)::float8, sum(tls_errors)::float8
  FROM (SELECT minute, ip_id, CASE WHEN p.is_tail THEN 0 ELSE m.provider_id END AS provider, attempted, delivered, deferred,
               bounced_recipient + bounced_message + bounced_infrastructure + bounced_destination AS bounced, blocked, complaints, rerouted,
               connects + connect_failures AS connects, tls_errors
          FROM pools_pathminute m LEFT JOIN pools_provider p ON p.id = m.provider_id WHERE m.minute >= %s) m
 GROUP BY GROUPING SETS ((m.minute, m.ip_id), (m.minute, m.provider))
"""
_STREAM_COUNTS = ("attempted", "delivered", "deferred", "bounced", "complaints", "rerouted")
_STREAMS = """
SELECT minute, pool_id, tenant_id, stream_id, sum(attempted)::float8, sum(delivered)::float8, sum(deferred)::float8, sum(bounced + bounced_other)::float8,
       sum(complaints)::float8, greatest(sum(attempted - delivered - deferred - bounced - bounced_other), 0)::float8
  FROM pools_streamminute WHERE minute >= %s GROUP BY GROUPING SETS ((minute, pool_id), (minute, tenant_id), (minute, stream_id))
"""
_BLOCKED = "SELECT minute, pool_id, sum(blocked)::float8 FROM pools_blockevidence WHERE minute >= %s GROUP BY 1, 2"
_TLS = "SELECT minute, reason, sum(errors)::float8 FROM pools_tlsminute WHERE minute >= %s GROUP BY 1, 2"
_ACCEPTED = "SELECT tenant_id, stream_id, sum(recipients)::float8 FROM delivery_message WHERE id >= %s AND id < %s GROUP BY 1, 2"

Subject = tuple[str, str]  # (dimension, key)
Seen = dict[tuple[datetime, str, str, str], tuple[float, ...]]


class Mail:
    """Its memory is this collector's own."""

    def __init__(self) -> None:
        self._seen: Seen = {}
        self._accepted_to: datetime | None = None
        self._begun = False

    def gather(self, moment: Moment) -> Values:
        anew = moment.since is None or not self._begun
        since = _since(moment, anew)
        rises = self._rises(self._read(since), since)
        accepted = self._accepted(moment.at, anew)
        self._begun = True
        if anew:
            log.info("Metrics of mail begin anew at %s: what was counted before is not told.", moment.at)
            return {}
        return _by_dimension(rises, moment.places) | accepted

    def _read(self, since: datetime) -> Iterable[tuple[datetime, str, str, str, tuple[float, ...]]]:
        """(minute, source, dimension, key, sums)"""
        for minute, ip, provider, *sums in select(_PATHS, [since]):
            yield (minute, "path", D.IP, str(ip), tuple(sums)) if ip is not None else (minute, "path", D.PROVIDER, provider_key(provider), tuple(sums))
        for minute, pool, tenant, stream, *sums in select(_STREAMS, [since]):
            dimension, key = (D.POOL, pool) if pool is not None else (D.TENANT, tenant) if tenant is not None else (D.STREAM, stream)
            yield minute, "stream", dimension, str(key), tuple(sums)
        for minute, pool, blocked in select(_BLOCKED, [since]):
            yield minute, "block", D.POOL, str(pool), (blocked,)
        for minute, reason, errors in select(_TLS, [since]):
            yield minute, "tls", D.TLS_KIND, reason.removeprefix("tls."), (errors,)

    def _rises(self, rows: Iterable[tuple[datetime, str, str, str, tuple[float, ...]]], since: datetime) -> dict[tuple[str, str, str], list[float]]:
        """By source, dimension and key: how much was added to all their minutes. Sums that shrank (a minute that was rewritten) add nothing."""
        rises: dict[tuple[str, str, str], list[float]] = {}
        now: Seen = {}
        for minute, source, dimension, key, sums in rows:
            now[minute, source, dimension, key] = sums
            before = self._seen.get((minute, source, dimension, key))
            rise = sums if before is None else tuple(max(0.0, new - old) for new, old in zip(sums, before, strict=True))
            total = rises.get((source, dimension, key))
            rises[source, dimension, key] = list(rise) if total is None else [a + b for a, b in zip(total, rise, strict=True)]
        oldest = since - AGAIN_EACH_MINUTE - AGAIN
        self._seen = {key: sums for key, sums in self._seen.items() if key[0] >= oldest} | now
        return rises

    def _accepted(self, at: datetime, anew: bool) -> Values:
        """By the ids of messages: those of a few seconds ago, for now all of their transactions have ended."""
        until, since = at - ACCEPTED_AFTER, self._accepted_to
        self._accepted_to = until if since is None or anew else max(until, since)  # a clock that went back counts nothing twice
        if anew or since is None or until <= since:
            return {}
        rows = select(_ACCEPTED, [_id_at(since), _id_at(until)])
        return {
            ("accepted", D.ALL): of_all(sum(count for *_, count in rows)),
            ("accepted", D.TENANT): added((str(tenant), count) for tenant, _, count in rows),
            ("accepted", D.STREAM): added((str(stream), count) for _, stream, count in rows),
        }


def _since(moment: Moment, anew: bool) -> datetime:
    minute = beginning(moment.at, 60)
    if anew or moment.since is None:
        return minute - AGAIN_EACH_MINUTE
    before = min(beginning(moment.since, 60), minute)
    return before - (AGAIN if before == minute else AGAIN_EACH_MINUTE)


def _by_dimension(rises: Mapping[tuple[str, str, str], list[float]], places: Places) -> Values:
    values: Values = {(name, dimension): {} for name in _COUNTS for dimension in (D.ALL, D.ZONE, D.NODE, D.IP, D.PROVIDER)}
    values |= {(name, dimension): {} for name in _STREAM_COUNTS for dimension in (D.POOL, D.TENANT, D.STREAM)}
    values = {key: of for key, of in values.items() if key[0] != "rerouted" or key[1] not in (D.TENANT, D.STREAM)}
    values = {key: of for key, of in values.items() if key[0] not in ("connects", "tls_errors") or key[1] != D.POOL}
    values["blocked", D.POOL], values["tls_errors", D.TLS_KIND] = {}, {}
    for (source, dimension, key), counts in rises.items():
        if source == "path":
            for name, count in zip(_COUNTS, counts, strict=True):
                _add(values[name, dimension], key, count)
                if dimension == D.IP and count:
                    _add_up(values, name, places, int(key), count)
        elif source == "stream":
            for name, count in zip(_STREAM_COUNTS, counts, strict=True):
                if (name, dimension) in values and (count or dimension == D.POOL):
                    _add(values[name, dimension], key, count)
        else:
            _add(values["blocked" if source == "block" else "tls_errors", dimension], key, counts[0])
    for (_, dimension), of in values.items():
        if dimension == D.ALL:
            of.setdefault("all", 0.0)
        elif dimension in (D.ZONE, D.NODE, D.IP, D.PROVIDER, D.POOL):
            for key in places.keys.get(dimension, ()):
                of.setdefault(key, 0.0)
    return values


def _add_up(values: Values, name: str, places: Places, ip: int, count: float) -> None:
    """What an IP did its node did, and its zone."""
    _add(values[name, D.ALL], "all", count)
    if (node := places.node_of.get(ip)) is not None:
        _add(values[name, D.NODE], str(node), count)
        _add(values[name, D.ZONE], str(places.zone_of[node]), count)


def _add(of: dict[str, float], key: str, count: float) -> None:
    of[key] = of.get(key, 0.0) + count


def _id_at(moment: datetime) -> Any:
    return lowest_id_at(int(moment.timestamp() * 1000))
