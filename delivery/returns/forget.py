"""Forget: what came back is kept as long as its return path is believed, and a while; its minutes for a week."""

from datetime import timedelta

from django.conf import settings
from psycopg import Cursor

AND_A_WHILE = timedelta(days=7)
MINUTES = timedelta(days=7)
MOST = 10_000


def forget_old(cursor: Cursor) -> int:
    """How many were forgotten; at most MOST of each at a time. A delivery that is forgotten here is too old to be told again."""
    kept = cursor.execute(
        "DELETE FROM delivery_cameback WHERE id IN (SELECT id FROM delivery_cameback WHERE at < platform_now() - %s ORDER BY at LIMIT %s)",
        [timedelta(days=settings.RETURN_PATH_DAYS) + AND_A_WHILE, MOST],
    ).rowcount
    minutes = "DELETE FROM delivery_returnminute WHERE id IN (SELECT id FROM delivery_returnminute WHERE minute < platform_now() - %s ORDER BY minute LIMIT %s)"
    return kept + cursor.execute(minutes, [MINUTES, MOST]).rowcount
