"""Pages of big tables by key: `Earlier` and `Later`, never a number of pages, never a total.

A page costs the same at any depth: it is read from the index with one comparison and a limit of one row more than is shown. In a table
that is newest first, Earlier is older; in one by name, Earlier is the page before. A cursor that is no key is as none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest

Row = TypeVar("Row")
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: rows with smaller keys than `below`, or greater than `above`; neither: at the table's start."""

    below: str = ""
    above: str = ""
    size: int = PAGE_SIZE

    @property
    def backwards(self) -> bool:
        return bool(self.above) and not self.below


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows and the two links; an empty link is a button that cannot be pressed."""

    rows: tuple[Row, ...]
    earlier: str
    later: str

    def __bool__(self) -> bool:
        return bool(self.rows)


def cursor_of(request: HttpRequest, size: int = PAGE_SIZE) -> Cursor:
    return Cursor(request.GET.get("below", ""), request.GET.get("above", ""), size)


def newest_first(request: HttpRequest, fetch: Callable[[Cursor], Sequence[Row]], key: Callable[[Row], object], size: int = PAGE_SIZE) -> Page[Row]:
    """A page of what `fetch` gives: at most cursor.size + 1 rows, descending by key, or ascending from `above` when it is backwards."""
    cursor = cursor_of(request, size)
    rows = list(fetch(cursor))
    more = len(rows) > size
    rows = rows[:size]
    if cursor.backwards:
        rows.reverse()
    older = more or cursor.backwards if not cursor.backwards else True
    newer = more if cursor.backwards else bool(cursor.below)
    if not rows:
        return Page((), "", _link(request) if (cursor.below or cursor.above) else "")
    return Page(
        tuple(rows),
        _link(request, below=key(rows[-1])) if older else "",
        _link(request, above=key(rows[0])) if newer else "",
    )


def keyset_page(request: HttpRequest, rows: QuerySet[Any], key: str = "id", size: int = PAGE_SIZE) -> Page[Any]:
    """A page of a queryset, newest first by a unique column."""

    def fetch(cursor: Cursor) -> Sequence[Any]:
        if cursor.backwards:
            return list(rows.filter(**{f"{key}__gt": cursor.above}).order_by(key)[: size + 1])
        older = rows.filter(**{f"{key}__lt": cursor.below}) if cursor.below else rows
        return list(older.order_by(f"-{key}")[: size + 1])

    try:
        return newest_first(request, fetch, lambda row: getattr(row, key), size)
    except (ValueError, TypeError, OverflowError):
        return newest_first(_without_cursor(request), fetch, lambda row: getattr(row, key), size)


def _without_cursor(request: HttpRequest) -> HttpRequest:
    """The same question from its start: a cursor that is no key is as none."""
    plain = HttpRequest()
    kept = request.GET.copy()
    for name in ("below", "above"):
        kept.pop(name, None)
    plain.GET = kept  # type: ignore[assignment]
    return plain


def named_page(request: HttpRequest, rows: QuerySet[Any], key: str = "name", size: int = PAGE_SIZE) -> Page[Any]:
    """A page of a queryset in the order of a unique name: Earlier is the page before."""
    cursor = cursor_of(request, size)
    if cursor.below:  # the names before this one, from the end
        found = list(rows.filter(**{f"{key}__lt": cursor.below}).order_by(f"-{key}")[: size + 1])
        more = len(found) > size
        found = found[:size][::-1]
        before, after = more, True
    else:
        later = rows.filter(**{f"{key}__gt": cursor.above}) if cursor.above else rows
        found = list(later.order_by(key)[: size + 1])
        before, after = bool(cursor.above), len(found) > size
        found = found[:size]
    if not found:
        return Page((), _link(request) if (cursor.below or cursor.above) else "", "")
    first, last = getattr(found[0], key), getattr(found[-1], key)
    return Page(tuple(found), _link(request, below=first) if before else "", _link(request, above=last) if after else "")


def _link(request: HttpRequest, **cursor: object) -> str:
    kept = [(name, value) for name, values in request.GET.lists() if name not in ("below", "above") for value in values if value]
    return "?" + urlencode([*kept, *((name, str(value)) for name, value in cursor.items())])
