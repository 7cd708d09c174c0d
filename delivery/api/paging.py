"""Paging: newest first by keyset, never by counting.

A cursor is the last id of a page, opaque to the caller. Query parameters that a list does not know are refused by name.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from mailplatform.shell.problems import Problem
from mailplatform.shell.rest import invalid

DEFAULT_LIMIT, MAX_LIMIT = 50, 200


def page(rows: Sequence[Any], limit: int, next_cursor: str) -> dict[str, Any]:
    """`rows` were asked with one more than the limit: that one says whether there is a next page."""
    return {"data": list(rows[:limit]), "next_cursor": next_cursor if len(rows) > limit else None}


def refuse_unknown(params: Mapping[str, Any], known: Sequence[str]) -> None:
    if unknown := [Problem(name[:80], "There is no such parameter.") for name in params if name not in known]:
        raise invalid(unknown[:100], status=400)


def refuse_unstorable(params: Mapping[str, str]) -> None:
    """A query string can hold NUL and, undecodable, surrogates; the database takes neither."""
    for name, value in params.items():
        if "\0" in value or not _is_encodable(value):
            raise invalid([Problem(name, "It holds a NUL or something that is no Unicode character.")], status=400)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def limit_of(params: Mapping[str, str]) -> int:
    given = params.get("limit", "")
    if not given:
        return DEFAULT_LIMIT
    if not (given.isascii() and given.isdigit() and len(given) <= 4 and 1 <= int(given) <= MAX_LIMIT):
        raise invalid([Problem("limit", f"It is a number from 1 to {MAX_LIMIT}.")], status=400)
    return int(given)


def cursor_of(last_id: UUID | int) -> str:
    raw = last_id.bytes if isinstance(last_id, UUID) else last_id.to_bytes(8, "big")
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def read_cursor(params: Mapping[str, str], length: int) -> bytes | None:
    """The last id's bytes, None on the first page."""
    given = params.get("cursor", "")
    if not given:
        return None
    try:
        raw = urlsafe_b64decode(given.encode("ascii") + b"=" * (-len(given) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != length:
        raise invalid([Problem("cursor", "Take next_cursor of the page before, unchanged.")], status=400)
    return raw
