"""Rows: from the lines of a part to addresses with reasons, or to why a line is refused.

Promises: never raises for what a file holds; every line becomes a row, a refusal or nothing (blank, the header); a refusal names its line. A quoted
field may span lines; one that never ends refuses its line alone, not the rest of the file. Pure.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from delivery.submit.addresses import parse_address
from delivery.submit.wrong import Wrong
from delivery.suppressions.recognise import MANUAL, UNSUBSCRIBE, WORDS, Layout, cells_of, normal
from delivery.suppressions.text import MAX_LINE

MOST_LINES_QUOTED = 30
MAX_DETAIL = 500
SHOWN = 80
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """An address to suppress. `stream` is a name of the file's own; None: what was chosen for the import."""

    line: int
    address: str
    reason: str
    stream: str | None
    detail: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Refusal:
    line: int
    problem: str
    text: str


def rows_of(content: str, first_line: int, layout: Layout, chosen_reason: str, now: datetime) -> Iterator[Row | Refusal]:
    """What the lines of a part come to, in their order."""
    for line, cells in _records(content, first_line, layout):
        if isinstance(cells, Refusal):
            yield cells
        elif cells and not (line == 1 and layout.has_header):
            yield _row(line, cells, layout, chosen_reason, now)


def _records(content: str, first_line: int, layout: Layout) -> Iterator[tuple[int, Any]]:
    lines = content.split("\n")
    number, end = 0, len(lines)
    while number < end:
        text, line, used = lines[number], first_line + number, 1
        if text.strip():
            if len(text) > MAX_LINE:
                yield line, Refusal(line, f"A line has at most {MAX_LINE:,} characters.", text[:SHOWN])
            elif layout.kind == "json":
                yield line, _object(text, line)
            else:
                used, cells = _cells(lines, number, line, layout.delimiter)
                yield line, cells
        number += used


def _cells(lines: list[str], number: int, line: int, delimiter: str) -> tuple[int, Any]:
    """(how many lines it took, its cells or why not)."""
    text = lines[number]
    if '"' not in text:
        return 1, text.split(delimiter)
    quotes, used, size = text.count('"'), 1, len(text)
    while quotes % 2 and used < MOST_LINES_QUOTED and size <= MAX_LINE and number + used < len(lines):
        quotes += lines[number + used].count('"')
        size += len(lines[number + used])
        used += 1
    if quotes % 2 or size > MAX_LINE:
        return 1, Refusal(line, "A quotation mark is opened and not closed.", text[:SHOWN])
    whole = "\n".join(lines[number : number + used])
    if used == 1:
        return 1, cells_of(text, delimiter) or Refusal(line, "It is not CSV.", text[:SHOWN])
    try:
        return used, next(csv.reader(whole.splitlines(keepends=True), delimiter=delimiter), [])
    except csv.Error:
        return 1, Refusal(line, "It is not CSV.", text[:SHOWN])


def _object(text: str, line: int) -> Any:
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        row = None
    return row if isinstance(row, dict) else Refusal(line, "It is not a JSON object.", text[:SHOWN])


def _row(line: int, cells: Any, layout: Layout, chosen_reason: str, now: datetime) -> Row | Refusal:
    columns = layout.columns
    raw = _cell(cells, columns["address"])
    ours = layout.format == "ours"
    if "\ufffd" in raw:
        return Refusal(line, "It holds a NUL or a character that could not be read.", raw[:SHOWN])
    try:
        address = parse_address(unguarded(raw) if ours else raw.strip()).addr.lower()
    except Wrong as no:
        return Refusal(line, str(no), raw[:SHOWN])
    said = _cell(cells, columns["reason"]) if "reason" in columns else ""
    reason = WORDS.get(normal(said), "" if said.strip() and layout.format != "plain" else chosen_reason)
    if not reason:
        return Refusal(line, f"'{said[:40]}' is no reason that is known.", raw[:SHOWN])
    if layout.format == "postmark" and reason == MANUAL and normal(_cell(cells, columns.get("origin"))) == "recipient":
        reason = UNSUBSCRIBE  # Postmark's word for a recipient who unsubscribed
    detail = "; ".join(part for where in columns.get("details", ()) if (part := _cell(cells, where).strip()))
    if layout.format == "plain" and said and normal(said) not in WORDS:
        detail = f"{said}; {detail}" if detail else said
    stream = (unguarded(_cell(cells, columns["stream"])) or "") if "stream" in columns else None
    detail = unguarded(detail) if ours else detail
    return Row(line, address, reason, stream, detail[:MAX_DETAIL], _moment(_cell(cells, columns.get("at")), now))


def _cell(cells: Any, where: Any) -> str:
    """Empty when the row is too short for it."""
    if where is None:
        return ""
    if isinstance(cells, Mapping):
        value = cells.get(where)
        return "" if value is None else value if isinstance(value, str) else str(value)
    return cells[where] if where < len(cells) else ""


def applies_to_stream(reason: str) -> bool:
    """A bounce or a complaint is about the address, whatever stream met it; the others may be for a stream alone."""
    return reason in (UNSUBSCRIBE, MANUAL)


FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def guarded(value: str) -> str:
    """For a spreadsheet: what it would take for a formula begins with an apostrophe (OWASP, CSV injection), and so does what begins with one."""
    return "'" + value if value.startswith(FORMULA) else value


def unguarded(value: str) -> str:
    """What `guarded` was given."""
    return value[1:] if value.startswith("'") and value[1:].startswith(FORMULA) else value


def _moment(text: str, now: datetime) -> datetime | None:
    """A time of the past in any of the forms that exports have; None when it is none."""
    text = text.strip()
    if not text:
        return None
    try:
        if text.replace(".", "", 1).isdigit():
            seconds = float(text)
            at = datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
        elif text[:3].isalpha():
            at = parsedate_to_datetime(text)
        else:
            at = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at if _EARLIEST <= at <= now else None
