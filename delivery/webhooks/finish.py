"""Finish: what came of requests, a batch a transaction: the log, the event's next turn, and how its endpoint is doing.

Promises: what was answered with 2xx is sent, whoever has it in hand by now; a failure moves only the try that it was. The next event of a message may go
as soon as the one before is done or given up. Endpoints are locked in one order, so that two senders never wait for each other in a circle. Never: sends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection, Cursor

from delivery.webhooks.kinds import TEST
from delivery.webhooks.retry import DISABLE_AFTER, GONE, IN_TROUBLE, Dice, left_alone_until, next_try

LOCK = "SELECT id FROM delivery_webhookendpoint WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE"
LOG = """
    INSERT INTO delivery_webhooktry (event_id, tenant_id, endpoint_id, at, number, ok, status, milliseconds, problem, answer)
    SELECT * FROM unnest(%(ids)s::int8[], %(tenants)s::int8[], %(endpoints)s::int8[], %(ats)s::timestamptz[], %(numbers)s::int2[], %(oks)s::bool[],
                         %(statuses)s::int2[], %(times)s::int4[], %(problems)s::text[], %(answers)s::text[])
"""
SENT = "UPDATE delivery_webhookevent SET state = 'sent', done_at = %s WHERE id = ANY (%s) AND state = 'pending'"
AGAIN = """
    UPDATE delivery_webhookevent e SET due_at = u.due_at FROM unnest(%(ids)s::int8[], %(tries)s::int2[], %(dues)s::timestamptz[]) AS u(id, tries, due_at)
     WHERE e.id = u.id AND e.tries = u.tries AND e.state = 'pending'
"""
GIVEN_UP = """
    UPDATE delivery_webhookevent e SET state = 'failed', done_at = %(now)s FROM unnest(%(ids)s::int8[], %(tries)s::int2[]) AS u(id, tries)
     WHERE e.id = u.id AND e.tries = u.tries AND e.state = 'pending'
"""
# Back to its old place in the endpoint's line.
NEXT = """
    UPDATE delivery_webhookevent n SET due_at = n.at
      FROM (SELECT DISTINCT endpoint_id, message_id FROM delivery_webhookevent WHERE id = ANY (%s)) done
     WHERE n.id = (SELECT f.id FROM delivery_webhookevent f
                    WHERE f.endpoint_id = done.endpoint_id AND f.message_id = done.message_id AND f.state = 'pending' ORDER BY f.id LIMIT 1)
       AND n.tries = 0
"""
WELL = """
    UPDATE delivery_webhookendpoint SET failures = 0, failing_since = NULL, retry_at = NULL, last_success_at = %s WHERE id = ANY (%s)
"""
# What was in flight together and failed together is one failure in a row.
FAILING = """
    UPDATE delivery_webhookendpoint p
       SET failures = p.failures + (u.begun > coalesce(p.last_failure_at, '-infinity'))::int,
           failing_since = coalesce(p.failing_since, u.since), last_failure_at = %(now)s, last_problem = u.problem
      FROM unnest(%(ids)s::int8[], %(begun)s::timestamptz[], %(sinces)s::timestamptz[], %(problems)s::text[]) AS u(id, begun, since, problem)
     WHERE p.id = u.id
    RETURNING p.id, p.failures, p.failing_since
"""
REST = "UPDATE delivery_webhookendpoint SET retry_at = %s WHERE id = %s"
DISABLE = """
    UPDATE delivery_webhookendpoint SET state = 'disabled', stopped_why = %s WHERE id = %s AND state = 'active'
    RETURNING url, (SELECT title FROM tenants_tenant t WHERE t.id = tenant_id)
"""
NOTICE = """
    INSERT INTO shell_notice (kind, scope, severity, sentence, evidence, link, created_at, cleared_by)
    VALUES ('webhook_disabled', %(scope)s, 1, %(sentence)s, '{}', %(link)s, platform_now(), '')
    ON CONFLICT (kind, scope) WHERE cleared_at IS NULL DO UPDATE SET sentence = excluded.sentence, created_at = excluded.created_at, expires_at = NULL
"""


@dataclass(frozen=True, slots=True)
class Done:
    """One request, and what came of it."""

    event_id: int
    tenant_id: int
    endpoint_id: int
    kind: str
    number: int
    give_up_at: datetime
    at: datetime
    milliseconds: int
    status: int | None = None
    problem: str = ""
    answer: str = ""
    asked_s: float = 0.0  # Retry-After

    @property
    def ok(self) -> bool:
        return not self.problem


def finish(connection: Connection, done: Sequence[Done], dice: Dice) -> None:
    """All of it, in one transaction. Again it would log again, and change nothing else."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(LOCK, [sorted({one.endpoint_id for one in done})])
        (now,) = cursor.execute("SELECT platform_now()").fetchone() or (done[0].at,)
        _log(cursor, done)
        over = _events(cursor, done, now, dice)
        if over:
            cursor.execute(NEXT, [over])
        _endpoints(cursor, done, now, dice)


def _log(cursor: Cursor, done: Sequence[Done]) -> None:
    cursor.execute(LOG, {
        "ids": [one.event_id for one in done], "tenants": [one.tenant_id for one in done], "endpoints": [one.endpoint_id for one in done],
        "ats": [one.at for one in done], "numbers": [one.number for one in done], "oks": [one.ok for one in done],
        "statuses": [one.status for one in done], "times": [one.milliseconds for one in done], "problems": [one.problem for one in done],
        "answers": [one.answer for one in done],
    })  # fmt: skip


def _events(cursor: Cursor, done: Sequence[Done], now: datetime, dice: Dice) -> list[int]:
    """Give the ids of those that are over."""
    sent = [one.event_id for one in done if one.ok]
    if sent:
        cursor.execute(SENT, [now, sent])
    failed = [(one, None if one.kind == TEST else next_try(one.number, now, one.give_up_at, one.asked_s, dice)) for one in done if not one.ok]
    again = [(one, due) for one, due in failed if due]
    if again:
        cursor.execute(AGAIN, {"ids": [one.event_id for one, _ in again], "tries": [one.number for one, _ in again], "dues": [due for _, due in again]})
    given_up = [one for one, due in failed if due is None]
    if given_up:
        cursor.execute(GIVEN_UP, {"now": now, "ids": [one.event_id for one in given_up], "tries": [one.number for one in given_up]})
    return [*sent, *(one.event_id for one in given_up)]


def _endpoints(cursor: Cursor, done: Sequence[Done], now: datetime, dice: Dice) -> None:
    """How they are doing. A test that came through ends an endpoint's rest; one that failed says nothing of its events."""
    well = sorted({one.endpoint_id for one in done if one.ok})
    if well:
        cursor.execute(WELL, [now, well])
    bad: dict[int, list[Done]] = {}
    for one in done:
        if not one.ok and one.kind != TEST and one.endpoint_id not in well:
            bad.setdefault(one.endpoint_id, []).append(one)
    if not bad:
        return
    rows = cursor.execute(FAILING, {
        "now": now, "ids": list(bad), "problems": [each[-1].problem for each in bad.values()],
        "begun": [max(one.at for one in each) for each in bad.values()], "sinces": [min(one.at for one in each) for each in bad.values()],
    }).fetchall()  # fmt: skip
    for endpoint_id, failures, failing_since in rows:
        each = bad[endpoint_id]
        if any(one.status == GONE for one in each):
            _disable(cursor, endpoint_id, "It answered 410 Gone: it wants to hear no more.")
        elif failures >= IN_TROUBLE and now - failing_since >= DISABLE_AFTER:
            _disable(cursor, endpoint_id, f"Nothing but failures for {DISABLE_AFTER.days} days; the last: {each[-1].problem}.")
        elif rest := left_alone_until(failures, now, max(one.asked_s for one in each), dice):
            cursor.execute(REST, [rest, endpoint_id])


def _disable(cursor: Cursor, endpoint_id: int, why: str) -> None:
    row = cursor.execute(DISABLE, [why, endpoint_id]).fetchone()
    if row:
        url, tenant = row
        sentence = f"{tenant}'s webhook {url} was disabled. {why} What happens is not told there until somebody enables it."
        cursor.execute(NOTICE, {"scope": f"webhook {endpoint_id}", "sentence": sentence, "link": f"/webhooks/{endpoint_id}/"})
