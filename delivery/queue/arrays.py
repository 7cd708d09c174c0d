"""Arrays: lists as PostgreSQL's array literals, made with one join.

psycopg dumps a list element by element, which was a tenth of an engine's CPU. Pure; the values' types promise that nothing needs quotes,
but for `texts`, which quotes everything.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID


def ids(values: Iterable[UUID]) -> str:
    """For uuid[]."""
    return "{" + ",".join([value.hex for value in values]) + "}"


def numbers(values: Iterable[float | None]) -> str:
    """For int8[] or float8[]; None is NULL."""
    return "{" + ",".join(["NULL" if value is None else repr(value) for value in values]) + "}"


def times(values: Iterable[datetime | None]) -> str:
    """For timestamptz[]."""
    return "{" + ",".join(["NULL" if value is None else f'"{value.isoformat()}"' for value in values]) + "}"


def texts(values: Iterable[str]) -> str:
    """For text[]."""
    return "{" + ",".join(['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]) + "}"
