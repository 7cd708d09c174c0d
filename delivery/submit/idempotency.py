"""Idempotency-Key: a repeated request is answered, not repeated.

Owns: IdempotencyKey rows. A key belongs to a tenant and is kept for 24 hours, with the hash of its request and the answer, in the
transaction that stored the messages: there is no moment in which one exists without the other. The same key at the same time
waits for the first, WAIT_S at most. Refused requests leave no key behind: corrected, they may come again under it.
"""

import re
from collections.abc import Sequence
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

FIND = """
    SELECT k.tenant_id, k.key, k.request_hash, k.response_status, k.response
      FROM unnest(%s::int8[], %s::text[]) AS w(tenant_id, key)
      JOIN delivery_idempotencykey k USING (tenant_id, key)
     WHERE k.created_at > %s
"""
LOCK = "SELECT pg_advisory_xact_lock(n) FROM unnest(%s::int8[]) AS w(n)"
TRY = "SELECT n FROM unnest(%s::int8[]) AS w(n) WHERE pg_try_advisory_xact_lock(n)"
KEEP = """
    INSERT INTO delivery_idempotencykey (tenant_id, key, request_hash, response_status, response, created_at)
    SELECT w.*, %(at)s FROM unnest(%(tenants)s::int8[], %(keys)s::text[], %(hashes)s::bytea[], %(statuses)s::int2[], %(responses)s::jsonb[]) AS w
        ON CONFLICT (tenant_id, key) DO UPDATE
       SET request_hash = excluded.request_hash, response_status = excluded.response_status, response = excluded.response, created_at = excluded.created_at
"""
CONFIRM = """
    UPDATE delivery_idempotencykey k SET created_at = k.created_at FROM unnest(%s::int8[], %s::text[]) AS w(tenant_id, key)
     WHERE k.tenant_id = w.tenant_id AND k.key = w.key
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


def earlier(cursor: Cursor, tokens: Sequence[Token]) -> list[Answer | Clash | None]:
    """What each of these was answered before; None: it is new."""
    rows = cursor.execute(FIND, [[each.tenant_id for each in tokens], [each.key for each in tokens], now() - KEPT]).fetchall()
    found = {(tenant, key): (bytes(request_hash), status, response) for tenant, key, request_hash, status, response in rows}
    return [_answered(token, found.get((token.tenant_id, token.key))) for token in tokens]


def _answered(token: Token, row: tuple[bytes, int, Any] | None) -> Answer | Clash | None:
    if row is None:
        return None
    request_hash, status, response = row
    if request_hash != token.request_hash:
        return Clash.OTHER_REQUEST
    return Answer(status, orjson.loads(response) if isinstance(response, str) else response)  # Django's connection hands jsonb over as text


def take(cursor: Cursor, tokens: Sequence[Token], *, waits: bool) -> list[Answer | Clash | None]:
    """Hold these different keys until the transaction ends, then look again: whoever was first has committed by now.

    With `waits` a key in use is waited for; IN_USE then says that the transaction is broken, and the caller ends it. Without, IN_USE is that one's.
    """
    numbers = [_number(each) for each in tokens]
    held = set(numbers) if waits else {number for (number,) in cursor.execute(TRY, [numbers])}
    if waits and not _wait_for(cursor, numbers):
        return [Clash.IN_USE] * len(tokens)
    found = earlier(cursor, tokens)
    return [each if number in held else Clash.IN_USE for number, each in zip(numbers, found, strict=True)]


def _number(token: Token) -> int:
    return int.from_bytes(sha256(b"%d\n" % token.tenant_id + token.key.encode()).digest()[:8], "big", signed=True)


def _wait_for(cursor: Cursor, numbers: Sequence[int]) -> bool:
    cursor.execute(f"SET LOCAL lock_timeout = '{WAIT_S}s'")
    try:
        cursor.execute(LOCK, [sorted(numbers)])
    except LockNotAvailable:
        return False
    cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    return True


def confirm(cursor: Cursor, tokens: Sequence[Token]) -> None:
    """Write a little, in a transaction that is about to be committed: when its COMMIT says yes, then what was stored under these keys before is on every copy
    too. The first COMMIT may not have been able to say so, and that an answer can be read proves nothing."""
    if tokens:
        cursor.execute(CONFIRM, [[token.tenant_id for token in tokens], [token.key for token in tokens]])


def keep(cursor: Cursor, answers: Sequence[tuple[Token, Answer]]) -> None:
    """Remember the answers, in the transaction that made them true."""
    if not answers:
        return
    cursor.execute(KEEP, {
        "tenants": [token.tenant_id for token, _ in answers],
        "keys": [token.key for token, _ in answers],
        "hashes": [token.request_hash for token, _ in answers],
        "statuses": [answer.status for _, answer in answers],
        "responses": [Jsonb(answer.body) for _, answer in answers],
        "at": now(),
    })  # fmt: skip


def forget_old() -> int:
    """Delete what is older than KEPT; a periodic job. Returns how many."""
    deleted, _ = IdempotencyKey.objects.filter(created_at__lt=now() - KEPT).delete()
    return deleted
