"""Replay: what was given up goes again, in its old order and under its old webhook-id, with a day of tries of its own.

Counted before anything is done, and bounded. Never: touches another endpoint's events, or what is pending already.
"""

from datetime import datetime

from django.db import connection

from delivery.webhooks.models import EventState, WebhookEndpoint, WebhookEvent

MOST = 100_000
PIECE = 5_000
COUNT = """
    SELECT count(*) FROM (SELECT 1 FROM delivery_webhookevent WHERE endpoint_id = %s AND state = 'failed' AND at >= %s LIMIT %s) f
"""
AGAIN = """
    UPDATE delivery_webhookevent SET state = 'pending', tries = 0, give_up_at = NULL, done_at = NULL, due_at = platform_now()
     WHERE id = ANY (ARRAY(SELECT id FROM delivery_webhookevent WHERE endpoint_id = %s AND state = 'failed' AND at >= %s ORDER BY id LIMIT %s))
       AND state = 'failed'
"""
ONE_AGAIN = """
    UPDATE delivery_webhookevent SET state = 'pending', tries = 0, give_up_at = NULL, done_at = NULL, due_at = platform_now()
     WHERE id = %s AND endpoint_id = %s AND state <> 'pending' AND kind <> 'webhook.test'
"""


def failed_since(endpoint: WebhookEndpoint, since: datetime) -> int:
    """How many a replay would send, at most MOST."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [endpoint.pk, since, MOST])
        return int(cursor.fetchone()[0])


def again_since(endpoint: WebhookEndpoint, since: datetime) -> int:
    """Send what was given up since then; how many."""
    replayed = 0
    with connection.cursor() as cursor:
        while replayed < MOST:
            cursor.execute(AGAIN, [endpoint.pk, since, PIECE])
            replayed += cursor.rowcount
            if cursor.rowcount < PIECE:
                break
    return replayed


def one_again(endpoint: WebhookEndpoint, event_id: int) -> bool:
    """Send one event once more, whatever came of it; False: there is none, or it is on its way."""
    with connection.cursor() as cursor:
        cursor.execute(ONE_AGAIN, [event_id, endpoint.pk])
        return cursor.rowcount == 1


def find(endpoint: WebhookEndpoint, event_id: int) -> WebhookEvent | None:
    return WebhookEvent.objects.filter(pk=event_id, endpoint_id=endpoint.pk).exclude(state=EventState.PENDING).first()
