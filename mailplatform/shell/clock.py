"""Wall time, from one place.

The database's clock is the platform's clock: SQL says `platform_now()` (made by the shell's first migration),
Python asks `now()`. Both add the setting `mailplatform.clock_shift`, an interval that tests use to move time without moving a
machine's clock. Leases and timeouts never use this: they run on each machine's monotonic clock.
"""

from datetime import UTC, datetime, timedelta

_shift = timedelta()


def now() -> datetime:
    """The platform's wall time, with time zone."""
    return datetime.now(UTC) + _shift


def set_shift(shift: timedelta) -> None:
    """Move this process's wall time; for tests. The database's half is `SET mailplatform.clock_shift = '1 hour'`."""
    global _shift
    _shift = shift
