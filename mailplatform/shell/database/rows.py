"""Rows of a page's statement, over Django's connection."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection


def select(sql: str, values: Sequence[Any] | Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
