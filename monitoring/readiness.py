"""Readiness: whether the platform can take and deliver mail now, by what the database knows of engines and watchers."""

from dataclasses import dataclass

from django.db import Error, connection

from mailplatform.shell.database.address import servers
from mailplatform.shell.formats import plural
from monitoring.database_switch import look, sentence

ENGINE_FRESH_S = 2.0
WATCHER_FRESH_S = 5.0
_ENGINES = """
SELECT n.name || '/' || chr(97 + e.slot), extract(epoch FROM platform_now() - e.renewed_at)::float8
  FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id ORDER BY 1
"""
_WATCHERS = """
SELECT z.name, extract(epoch FROM platform_now() - b.at)::float8, b.longest_gap_ms
  FROM monitoring_watcherbeat b JOIN pools_zone z ON z.id = b.zone_id ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that must work, and what was seen of it."""

    ready: bool
    says: str
    seen: dict[str, float]


@dataclass(frozen=True, slots=True)
class Readiness:
    database: Part
    engines: Part
    watcher: Part

    @property
    def ready(self) -> bool:
        return self.database.ready and self.engines.ready and self.watcher.ready


def readiness() -> Readiness:
    """Ask the database what it knows. No database, no knowledge of the rest."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ENGINES)
            engines = {name: round(age_s, 2) for name, age_s in cursor.fetchall()}
            cursor.execute(_WATCHERS)
            watchers = {name: round(age_s, 2) for name, age_s, _ in cursor.fetchall()}
            database = look(cursor, *_whereabouts())
    except Error as error:
        unknown = Part(False, "not known without the database", {})
        return Readiness(Part(False, type(error).__name__, {}), unknown, unknown)
    return Readiness(
        Part(True, sentence(database), database.behind),
        _part(engines, ENGINE_FRESH_S, "engine", "renewed"),
        _part(watchers, WATCHER_FRESH_S, "watcher", "looked"),
    )


def _whereabouts() -> tuple[str, int]:
    """(the server that answers, as DATABASE_URL names it; how many servers that names)"""
    raw, named = connection.connection.pgconn, servers({"host": connection.settings_dict["HOST"], "port": connection.settings_dict["PORT"]})
    host, port = (raw.host or b"").decode(), (raw.port or b"").decode()
    if not host.startswith("/"):
        return f"{host}:{port}", len(named)
    return (host if len(named) > 1 else "the database"), len(named)


def _part(ages: dict[str, float], fresh_s: float, noun: str, did: str) -> Part:
    fresh = sum(age_s < fresh_s for age_s in ages.values())
    return Part(fresh > 0, f"{fresh} of {plural(len(ages), noun)} {did} in the last {fresh_s:.0f} s" if ages else f"there is no {noun}", ages)
