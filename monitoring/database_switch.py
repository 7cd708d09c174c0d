"""Database servers: which one is the primary, whether a standby could take over, and how far behind it is.

Looks, and says it in words; a drill asks `Servers.could_switch`. Never: promotes anything: that is a cluster manager's business (docs/database.md).
"""

from dataclasses import dataclass
from typing import Any

# Without pg_monitor only names are seen, and all else is NULL.
_STANDBYS = """
SELECT application_name, state, sync_state IN ('sync', 'quorum'), extract(epoch FROM replay_lag)::float8,
       pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::int8
  FROM pg_stat_replication WHERE state IS NULL OR state IN ('streaming', 'catchup') ORDER BY 1
"""
_WAITS_FOR = "SELECT current_setting('synchronous_standby_names'), current_setting('synchronous_commit')"
WAITING_COMMITS = ("on", "remote_write", "remote_apply")
FAR_BEHIND_S = 10.0


@dataclass(frozen=True, slots=True)
class Standby:
    """One that follows; None: this role may not see it."""

    name: str
    streams: bool | None
    synchronous: bool | None
    behind_s: float | None
    behind_bytes: int | None


@dataclass(frozen=True, slots=True)
class Servers:
    """The primary as DATABASE_URL names it, how many servers that names, and who follows."""

    primary: str
    named: int
    commits_wait: bool
    standbys: tuple[Standby, ...]

    @property
    def could_switch(self) -> bool:
        """Whether nothing that was accepted would be lost: a standby that commits wait for is there, and the platform knows where it is."""
        return self.commits_wait and self.named > 1 and any(one.synchronous is not False and one.streams is not False for one in self.standbys)

    @property
    def behind(self) -> dict[str, float]:
        """Seconds, by standby, as far as they are seen."""
        return {one.name: round(one.behind_s, 3) for one in self.standbys if one.behind_s is not None}


def look(cursor: Any, primary: str, named: int) -> Servers:
    """As the primary sees it. `cursor` is any, of psycopg or Django."""
    cursor.execute(_WAITS_FOR)
    names, commit = cursor.fetchone()
    cursor.execute(_STANDBYS)
    standbys = tuple(Standby(name, None if state is None else state == "streaming", *rest) for name, state, *rest in cursor.fetchall())
    return Servers(primary, named, bool(names) and commit in WAITING_COMMITS, standbys)


def sentence(servers: Servers) -> str:
    """How things are, for people. A quiet primary tells no lag: then nothing is behind."""
    if not servers.standbys:
        waits = " Commits wait for one all the same: nothing is accepted until it is there." if servers.commits_wait else ""
        return f"{servers.primary} answers; no standby follows it.{waits}"
    told = ", ".join(f"{one.name} {_how_far(one)}" for one in servers.standbys)
    safe = "what is accepted is on both" if servers.commits_wait else "what is accepted is not waited for there"
    unnamed = "" if servers.named > 1 else "; DATABASE_URL names one server, which has to lead to whichever is the primary"
    return f"{servers.primary} is the primary; standby {told}; {safe}{unnamed}"


def _how_far(one: Standby) -> str:
    if one.streams is None:
        return "follows (how far behind needs GRANT pg_monitor)"
    if not one.streams:
        return "catches up"
    behind_s = one.behind_s or 0.0
    return f"is {behind_s:.0f} s behind" if behind_s >= FAR_BEHIND_S else "keeps up"
