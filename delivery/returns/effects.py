"""Effects: a group of messages that came back, made true in the caller's transaction.

Promises: a delivery is counted once a kind, however often it is told (`delivery_cameback` has it once): a second telling changes nothing, but for
a hard bounce after a soft one, which ends the delivery and is not counted again. What one tenant's delivery names changes nothing of another's: the
tenant is the delivery's. Rows are touched in the order in which recording touches them: deliveries, queue, suppressions, events, minutes, each in the
order of its keys. Never: commits, sends.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from psycopg import Cursor

from delivery.classify.rulebook import RuleBook
from delivery.queue.happened import Happened, tell
from delivery.queue.happened import Kind as EventKind
from delivery.queue.suppress import Suppress, suppress
from delivery.returns.arrived import Decided, Read
from delivery.returns.decide import KEPT, decide, reply_of
from delivery.returns.facts import facts_of
from delivery.returns.finding import Counted
from delivery.returns.late import count_late
from delivery.suppressions.waiting import end_waiting
from delivery.unsubscribe.act import unsubscribe_by_mail
from mailplatform.shell.ids import id_time_ms, lowest_id_at

KEEP = """
    INSERT INTO delivery_cameback AS c (delivery_id, tenant_id, kind, hard, reason, fault, status, words, reporter, token, note, at)
    SELECT u.*, %(now)s FROM unnest(%(deliveries)s::uuid[], %(tenants)s::int8[], %(kinds)s::text[], %(hards)s::bool[], %(reasons)s::text[], %(faults)s::text[],
                                    %(statuses)s::text[], %(words)s::text[], %(reporters)s::text[], %(tokens)s::text[], %(notes)s::text[]) AS u
    ON CONFLICT (delivery_id, kind) DO UPDATE
       SET hard = true, reason = excluded.reason, fault = excluded.fault, status = excluded.status, words = excluded.words
     WHERE excluded.hard AND NOT c.hard
    RETURNING delivery_id, kind, xmax = 0
"""
BOUNCE = """
    UPDATE delivery_delivery d SET final = 'bounced', reason = u.reason, reply = u.reply, done_at = %(now)s
      FROM unnest(%(ids)s::uuid[], %(reasons)s::text[], %(replies)s::text[]) AS u(id, reason, reply)
     WHERE d.id = u.id AND d.id BETWEEN %(first)s AND %(last)s AND (d.final IS NULL OR d.final IN ('delivered', 'expired'))
"""
# An answer was lost and the delivery waits for its next try: the bounce is its answer.
TAKE_OUT = "DELETE FROM {table} WHERE id = ANY (%(ids)s) AND tries > 0 RETURNING id"
COUNT = """
    INSERT INTO delivery_returnminute AS r (minute, what, count)
    SELECT date_trunc('minute', %(now)s::timestamptz), what, count FROM unnest(%(whats)s::text[], %(counts)s::int4[]) AS u(what, count)
    ON CONFLICT (minute, what) DO UPDATE SET count = r.count + excluded.count
"""
_EVENTS = {
    Counted.HARD_BOUNCE: EventKind.BOUNCED_LATE,
    Counted.SOFT_BOUNCE: EventKind.BOUNCED_LATE,
    Counted.OURS: EventKind.BOUNCED_LATE,
    Counted.COMPLAINT: EventKind.COMPLAINED,
    Counted.AUTO_REPLY: EventKind.REPLIED_BY_MACHINE,
}


def apply(cursor: Cursor, group: Sequence[Read], rulebook: RuleBook, now: datetime, believed_for: timedelta) -> list[Decided]:
    """What was made of each, in their order."""
    known = facts_of(cursor, {one.token.delivery_id for one in group if one.token})
    decided = [decide(one, known.get(one.token.delivery_id) if one.token else None, rulebook, now, believed_for) for one in group]
    kept = _once([one for one in decided if one.what in KEPT and not one.later])
    fresh, hardened = _keep(cursor, kept, now)
    _end(cursor, [*fresh, *hardened], now)
    _suppress(cursor, [*fresh, *hardened], now)
    changed = [(one, one.facts) for one in [*fresh, *hardened] if one.what in _EVENTS]
    tell(cursor, [Happened(facts.id, facts.tenant_id, _EVENTS[one.what], one.data) for one, facts in changed if facts], now)
    count_late(cursor, fresh, now)
    new = {id(one) for one in [*fresh, *hardened]}
    return [Decided(Counted.REPLAYED, one.facts) if one.what in KEPT and not one.later and id(one) not in new else one for one in decided]


def leave(cursor: Cursor, token: str, now: datetime) -> Counted:
    """A mail to an unsubscribe address (RFC 2369 §3.2)."""
    return Counted.UNSUBSCRIBED if unsubscribe_by_mail(cursor, token, now) else Counted.NOT_THERE


def count(cursor: Cursor, whats: Counter[Counted], now: datetime) -> None:
    """Into this minute."""
    if whats:
        ordered = sorted(whats)
        cursor.execute(COUNT, {"now": now, "whats": [str(what) for what in ordered], "counts": [whats[what] for what in ordered]})


def _once(kept: Iterable[Decided]) -> list[Decided]:
    """One a delivery and kind, the hard one before the soft, in the order of the rows."""
    best: dict[tuple[object, str], Decided] = {}
    for one in kept:
        assert one.facts is not None
        key = (one.facts.id, one.kind)
        if key not in best or (_hard(one) and not _hard(best[key])):
            best[key] = one
    return [best[key] for key in sorted(best, key=lambda key: (str(key[0]), key[1]))]


def _hard(one: Decided) -> bool:
    return one.meaning is not None and one.meaning.hard


def _keep(cursor: Cursor, kept: Sequence[Decided], now: datetime) -> tuple[list[Decided], list[Decided]]:
    """What is new, and what is hard now and was soft."""
    if not kept:
        return [], []
    rows = cursor.execute(KEEP, {
        "now": now,
        "deliveries": [one.facts.id for one in kept if one.facts],
        "tenants": [one.facts.tenant_id for one in kept if one.facts],
        "kinds": [one.kind for one in kept],
        "hards": [_hard(one) for one in kept],
        "reasons": [one.meaning.reason.value if one.meaning else "" for one in kept],
        "faults": [one.meaning.fault.value if one.meaning else "" for one in kept],
        "statuses": [one.told.status if one.told else "" for one in kept],
        "words": [reply_of(one.told) if one.told else "" for one in kept],
        "reporters": [one.reporter for one in kept],
        "tokens": [one.token.place.value if one.token else "" for one in kept],
        "notes": [one.note for one in kept],
    }).fetchall()  # fmt: skip
    inserted = {(row[0], row[1]): row[2] for row in rows}
    of = [(one, inserted.get((one.facts.id, one.kind))) for one in kept if one.facts]
    return [one for one, new in of if new], [one for one, new in of if new is False]


def _end(cursor: Cursor, changed: Sequence[Decided], now: datetime) -> None:
    """A hard bounce ends its delivery, wherever that is."""
    hard = sorted((one for one in changed if _hard(one) and one.facts), key=lambda one: str(one.facts and one.facts.id))
    waiting = [one.facts.id for one in hard if one.facts and one.facts.final is None]
    tables = ("delivery_waiting", "delivery_ready") if waiting else ()
    gone = {row[0] for table in tables for row in cursor.execute(TAKE_OUT.format(table=table), {"ids": waiting})}
    ended = [one for one in hard if one.facts and one.meaning and (one.facts.final is not None or one.facts.id in gone)]
    if ended:
        ids = [one.facts.id for one in ended if one.facts]
        cursor.execute(BOUNCE, {
            "now": now,
            "ids": ids,
            "reasons": [one.meaning.reason.value for one in ended if one.meaning],
            "replies": [reply_of(one.told) for one in ended if one.told],
            "first": lowest_id_at(min(map(id_time_ms, ids))),
            "last": lowest_id_at(max(map(id_time_ms, ids)) + 1),
        })  # fmt: skip


def _suppress(cursor: Cursor, changed: Sequence[Decided], now: datetime) -> None:
    wanted = []
    for one in changed:
        if one.facts is None or one.told is None:
            continue
        if one.what is Counted.COMPLAINT:
            wanted.append(Suppress(one.facts.tenant_id, one.facts.recipient, "complaint", f"Complained ({one.reporter}) about delivery {one.facts.id}."))
        elif one.meaning is not None and one.meaning.suppress:
            wanted.append(Suppress(one.facts.tenant_id, one.facts.recipient, "bounce", reply_of(one.told)))
    suppress(cursor, wanted, now)
    for each in sorted(wanted, key=lambda each: (each.tenant_id, each.address)):
        end_waiting(cursor, each.tenant_id, each.address, None, each.reason, now)
