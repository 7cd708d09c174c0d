"""The database: connections against its limit, how far standbys are behind, how big it is (looked up every few minutes: it asks for every file's size)."""

from datetime import datetime, timedelta

from mailplatform.shell.database.rows import select
from monitoring.metrics.catalog import Dimension as D
from monitoring.metrics.gather.moment import Moment, Values, of_all

SIZE_EVERY = timedelta(minutes=5)
_CONNECTIONS = """
SELECT (SELECT sum(numbackends) FROM pg_stat_database)::float8 / greatest(current_setting('max_connections')::int, 1),
       (SELECT max(coalesce(extract(epoch FROM replay_lag), 0))::float8 FROM pg_stat_replication WHERE state IN ('streaming', 'catchup'))
"""
_SIZE = "SELECT pg_database_size(current_database())::float8"


class Database:
    def __init__(self) -> None:
        self._size: float | None = None
        self._sized_at: datetime | None = None

    def gather(self, moment: Moment) -> Values:
        share, lag_s = select(_CONNECTIONS)[0]
        if self._sized_at is None or not timedelta() <= moment.at - self._sized_at < SIZE_EVERY:
            self._size, self._sized_at = select(_SIZE)[0][0], moment.at
        return {
            ("database_connections_share", D.ALL): of_all(share),
            ("database_lag_s", D.ALL): of_all(lag_s),
            ("database_bytes", D.ALL): of_all(self._size),
        }
