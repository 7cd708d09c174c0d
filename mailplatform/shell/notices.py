"""Notices: raise, refresh, clear, list. One open notice a (kind, scope); raising it again refreshes what it says and keeps its age.

One statement each, so that two processes that raise the same notice at once make one row. An expired notice is no longer open: it
is not shown, and raising it again starts its age anew.
"""

import json
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from mailplatform.shell.clock import now
from mailplatform.shell.models import Notice, Severity

_RAISE = """
    INSERT INTO shell_notice AS n (kind, scope, severity, sentence, evidence, link, expires_at, created_at, cleared_by)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '')
    ON CONFLICT (kind, scope) WHERE cleared_at IS NULL DO UPDATE SET
           severity = excluded.severity, sentence = excluded.sentence, evidence = excluded.evidence, link = excluded.link,
           expires_at = excluded.expires_at,
           created_at = CASE WHEN n.expires_at < excluded.created_at THEN excluded.created_at ELSE n.created_at END
    RETURNING id"""


def raise_notice(
    kind: str,
    scope: str,
    severity: Severity | int | str,
    sentence: str,
    evidence: dict[str, Any] | None = None,
    link: str = "",
    expires_at: datetime | None = None,
) -> int:
    """Say that something needs a person; gives the notice's id. `severity` is a Severity or its name."""
    level = Severity[severity.upper()] if isinstance(severity, str) else Severity(severity)
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, [kind[:60], scope[:200], int(level), sentence, json.dumps(evidence or {}, default=str), link[:300], expires_at, now()])
        return int(cursor.fetchone()[0])


def clear_notice(kind: str, scope: str, by: str = "") -> int:
    """It is over: by a person (their name) or by itself (empty). Gives how many were open."""
    return Notice.objects.filter(kind=kind, scope=scope, cleared_at=None).update(cleared_at=now(), cleared_by=by[:200])


def open_notices() -> QuerySet[Notice]:
    """What is open now, the worst and newest first."""
    return Notice.objects.filter(cleared_at=None).filter(Q(expires_at=None) | Q(expires_at__gt=now())).order_by("-severity", "-created_at")
