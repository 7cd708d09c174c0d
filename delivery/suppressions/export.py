"""Export: a tenant's suppressions as CSV, streamed a page of rows at a time, oldest first, however many there are.

What a spreadsheet would take for a formula begins with an apostrophe; an import of this platform takes it off again, so what was exported comes back
as it was. UTF-8 with a mark, which is how spreadsheets know.
"""

import csv
from collections.abc import Iterator
from datetime import UTC

from delivery.models import Suppression
from delivery.suppressions.lists import Filter
from delivery.suppressions.rows import guarded

HEADER = ("address", "reason", "stream", "detail", "created_at")
PAGE = 5_000


class _Echo:
    def write(self, line: str) -> str:
        return line


def csv_of(asked: Filter) -> Iterator[bytes]:
    """Each page is a query of its own: no transaction stays open while a slow reader reads."""
    writer = csv.writer(_Echo())
    yield b"\xef\xbb\xbf" + str(writer.writerow(HEADER)).encode()
    last = 0
    while rows := list(asked.rows().order_by("id").filter(id__gt=last)[:PAGE]):
        yield "".join(str(writer.writerow(_cells(row))) for row in rows).encode()
        last = rows[-1].pk


def _cells(row: Suppression) -> tuple[str, ...]:
    at = row.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return guarded(row.address), row.reason, guarded(row.stream.name if row.stream else ""), guarded(row.detail), at
