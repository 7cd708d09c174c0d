"""History's days: partitions of the message, body, delivery, attempt and event tables.

A row's day is the day in its id. Days are made ahead of time and dropped as a whole when they are older than the retention;
rows that came before their day was made lie in the default partition and are moved when it is.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from mailplatform.shell.ids import lowest_id_at

HISTORY_TABLES = ("delivery_message", "delivery_body", "delivery_delivery", "delivery_attempt", "delivery_event")


def day_partitions_sql(first: date, days: int) -> Iterator[str]:
    """The statements that make the partitions of `days` days from `first` on, where they do not exist."""
    for day in (first + timedelta(days=n) for n in range(days)):
        for table in HISTORY_TABLES:
            yield (
                f"CREATE TABLE IF NOT EXISTS {partition_name(table, day)} PARTITION OF {table} "
                f"FOR VALUES FROM ('{_lowest_id_of(day)}') TO ('{_lowest_id_of(day + timedelta(days=1))}')"
            )


def partition_name(table: str, day: date) -> str:
    return f"{table}_{day:%Y%m%d}"


def _lowest_id_of(day: date) -> str:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return str(lowest_id_at(int(midnight.timestamp() * 1000)))
