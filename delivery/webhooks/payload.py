"""The body of a request: small JSON of what the outbox's ids lead to. Pure, and the same each time that an event is sent.

What operators are called is left out; every key is always there, null where it does not apply.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from delivery.webhooks.kinds import STATE_AFTER, TEST

_FROM_ATTEMPT = ("reason", "fault", "code", "enhanced", "reply", "provider", "mx_host")
_OURS_ALONE = ("by",)  # who of the platform's people did it


def body_of(row: Mapping[str, Any]) -> bytes:
    """`row` is what `delivery.webhooks.claim` reads of an event."""
    if row["kind"] == TEST:
        data: dict[str, Any] = {"message": "This is a test. Its signature is made as that of every event."}
    else:
        data = {
            "message_id": row["message_id"],
            "delivery_id": row["delivery_id"] if row["delivery_id"] != row["message_id"] else None,
            "recipient": row["recipient"],
            "stream": row["stream"],
            "tags": row["tags"] or [],
            "metadata": row["metadata"] or {},
            "state": STATE_AFTER.get(row["kind"]),
            "attempt": row["attempt"],
            **{name: row[name] or None for name in _FROM_ATTEMPT},
            "detail": {name: value for name, value in (row["detail"] or {}).items() if name not in _OURS_ALONE},
        }
    return orjson.dumps({"type": row["kind"], "timestamp": row["at"], "data": data}, option=orjson.OPT_UTC_Z, default=str)
