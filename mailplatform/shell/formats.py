"""The one place that turns numbers, sizes, durations and times into words.

Pure functions; the template filters of the same names are in `templatetags/console.py`. "–" is "not known", never 0. Numbers and units are
joined by a space that does not break.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

NOT_KNOWN = "–"
_NBSP = "\u00a0"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and its unit, apart, because they look different."""

    number: str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.number}{_NBSP}{self.unit}" if self.unit else self.number


def number(value: float | int | None, digits: int = 0) -> str:
    """1,234 or 1,234.5. What is no number (it may come from JSON that others wrote) is not known."""
    return f"{value:,.{digits}f}" if isinstance(value, int | float) else NOT_KNOWN


def bounded(count: int | None, limit: int = 10_000) -> str:
    """A count that was not counted to its end: 10,000+."""
    return NOT_KNOWN if count is None else f"{limit:,}+" if count >= limit else f"{count:,}"


def listed(words: Iterable[str], none: str = "nothing") -> str:
    """One, two and three."""
    found = list(words)
    if len(found) < 2:
        return found[0] if found else none
    return f"{', '.join(found[:-1])} and {found[-1]}"


def percent(part: float | None, whole: float | None = 1.0, digits: int = 1) -> str:
    """A share of a whole: 97.1 %."""
    return NOT_KNOWN if part is None or not whole else f"{100 * part / whole:.{digits}f}{_NBSP}%"


def duration_figure(seconds: float | None) -> Figure:
    """Two figures at most: 31 ms, 0.67 s, 8 s, 6 min, 3 h, 12 days."""
    if seconds is None:
        return Figure(NOT_KNOWN)
    if seconds < 0:
        seconds = 0.0
    if seconds < 0.0995:
        return Figure(f"{seconds * 1000:.0f}", "ms")
    if seconds < 9.95:
        return Figure(f"{seconds:.2f}" if seconds < 0.995 else f"{seconds:.1f}", "s")
    for limit, size, unit in ((89.5, 1, "s"), (5370, 60, "min"), (129_600, 3600, "h")):
        if seconds < limit:
            return Figure(f"{seconds / size:.0f}", unit)
    return Figure(f"{seconds / 86_400:.0f}", "days")


def duration(seconds: float | None) -> str:
    return str(duration_figure(seconds))


def milliseconds(value: float | None) -> str:
    """Milliseconds as they are, with their comma: 1,438 ms."""
    return NOT_KNOWN if value is None else f"{value:,.0f}{_NBSP}ms"


def size_figure(bytes_: int | None) -> Figure:
    if bytes_ is None:
        return Figure(NOT_KNOWN)
    value, unit = float(bytes_), "bytes"
    for bigger in ("KB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, bigger
    return Figure(f"{value:.0f}" if unit == "bytes" or value >= 99.5 else f"{value:.1f}", unit)


def size(bytes_: int | None) -> str:
    """4.8 KB; a KB is 1,000 bytes."""
    return str(size_figure(bytes_))


def rate(per_second: float | None) -> str:
    """Messages a second, to three figures."""
    if per_second is None:
        return NOT_KNOWN
    return f"{per_second:.0f}" if per_second >= 99.5 or per_second == 0 else f"{per_second:.1f}"


def clock(at: datetime | None, precise: bool = False) -> str:
    """14:31:58, or 14:31:58.204."""
    if at is None:
        return NOT_KNOWN
    at = at.astimezone(UTC)
    return f"{at:%H:%M:%S}" + (f".{at.microsecond // 1000:03d}" if precise else "")


def day(at: datetime | None) -> str:
    return NOT_KNOWN if at is None else f"{at.astimezone(UTC):%-d %b %Y}"


def moment(at: datetime | None, now: datetime) -> str:
    """A clock time today, a day and a clock time otherwise."""
    if at is None:
        return NOT_KNOWN
    at = at.astimezone(UTC)
    return f"{at:%H:%M:%S}" if at.date() == now.astimezone(UTC).date() else f"{at:%-d %b, %H:%M}"


def about(at: datetime | None, now: datetime) -> str:
    """14:30, or 23 Nov, 14:30: for what nobody knows to the second."""
    if at is None:
        return NOT_KNOWN
    at = at.astimezone(UTC)
    return f"{at:%H:%M}" if at.date() == now.astimezone(UTC).date() else f"{at:%-d %b, %H:%M}"


def exact(at: datetime) -> str:
    """What a `title` shows: 22 Nov 2026, 14:26:07 UTC."""
    return f"{at.astimezone(UTC):%-d %b %Y, %H:%M:%S} UTC"


def age(at: datetime | None, now: datetime) -> str:
    """How long ago, or in how long."""
    if at is None:
        return NOT_KNOWN
    seconds = (now - at).total_seconds()
    if -1 < seconds < 1:
        return "now"
    return duration(seconds) if seconds > 0 else f"in {duration(-seconds)}"


def due(at: datetime | None, now: datetime) -> str:
    """In how long, or now when it is past."""
    return NOT_KNOWN if at is None else f"in {duration((at - now).total_seconds())}" if at > now else "now"


def plural(count: int, one: str, many: str = "") -> str:
    """1 path, 7 paths."""
    return f"{count:,}{_NBSP}{one if count == 1 else many or one + 's'}"
