"""Idempotency-Key: a repeated request is answered, not repeated.

Owns: IdempotencyKey rows. A key belongs to a tenant and is kept for 24 hours, with the hash of its request and the answer, in the
transaction that stored the messages: there is no moment in which one exists without the other. The same key at the same time
waits for the first, WAIT_S at most. Refused requests leave no key behind: corrected, they may come again under it.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.errors import LockNotAvailable
from psycopg.types.json import Jsonb

from delivery.models import IdempotencyKey
from mailplatform.shell.clock import now

HEADER = "Idempotency-Key"
WAIT_S = 5
KEPT = timedelta(hours=24)
_VALID = re.compile(r"[\x20-\x7e]{1,255}\Z")

FIND = "SELECT request_hash, response_status, response FROM delivery_idempotencykey WHERE tenant_id = %s AND key = %s AND created_at > %s"
LOCK = "SELECT pg_advisory_xact_lock(%s)"
KEEP = """
    INSERT INTO delivery_idempotencykey (tenant_id, key, request_hash, response_status, response, created_at)
    VALUES (%(tenant)s, %(key)s, %(hash)s, %(status)s, %(response)s, %(at)s)
        ON CONFLICT (tenant_id, key) DO UPDATE
       SET request_hash = excluded.request_hash, response_status = excluded.response_status, response = excluded.response, created_at = excluded.created_at
"""


class Clash(StrEnum):
    """Why a key cannot be used now."""

    OTHER_REQUEST = "This key came with another request before."
    IN_USE = "A request with this key is being worked on; ask again in a moment."


@dataclass(frozen=True, slots=True)
class Token:
    """A tenant's key and the hash of the request it came with."""

    tenant_id: int
    key: str
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered the first time."""

    status: int
    body: Any


def is_valid(key: str) -> bool:
    """1 to 255 printable ASCII characters."""
    return _VALID.match(key) is not None


def token_of(tenant_id: int, key: str, place: str, raw: bytes) -> Token:
    """`place` is what the same bytes would mean something else without: method and path."""
    return Token(tenant_id, key, sha256(place.encode() + b"\n" + raw).digest())


def earlier(cursor: Cursor, token: Token) -> Answer | Clash | None:
    """What this key was answered before; None when it is new."""
    row = cursor.execute(FIND, [token.tenant_id, token.key, now() - KEPT]).fetchone()
    if row is None:
        return None
    if bytes(row[0]) != token.request_hash:
        return Clash.OTHER_REQUEST
    return Answer(row[1], orjson.loads(row[2]) if isinstance(row[2], str) else row[2])  # Django's connection hands jsonb over as text


def take(cursor: Cursor, token: Token) -> Answer | Clash | None:
    """Hold the key until the transaction ends, then look again: whoever was first has committed by now."""
    number = int.from_bytes(sha256(b"%d\n" % token.tenant_id + token.key.encode()).digest()[:8], "big", signed=True)
    cursor.execute(f"SET LOCAL lock_timeout = '{WAIT_S}s'")
    try:
        cursor.execute(LOCK, [number])
    except LockNotAvailable:
        return Clash.IN_USE  # the transaction is broken: the caller ends it
    cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    return earlier(cursor, token)


def keep(cursor: Cursor, token: Token, answer: Answer) -> None:
    """Remember the answer, in the transaction that made it true."""
    cursor.execute(KEEP, {
        "tenant": token.tenant_id,
        "key": token.key,
        "hash": token.request_hash,
        "status": answer.status,
        "response": Jsonb(answer.body),
        "at": now(),
    })  # fmt: skip


def forget_old() -> int:
    """Delete what is older than KEPT; a periodic job. Returns how many."""
    deleted, _ = IdempotencyKey.objects.filter(created_at__lt=now() - KEPT).delete()
    return deleted
