"""The tests' own world: settings by environment and a real PostgreSQL in a folder of its own.

Loaded as a pytest plugin before Django's settings are. The first process starts the server; xdist's workers inherit its URL
and use a database each. It ends with the run, also when the run is interrupted or told to stop; what a killed run left behind, the
next one clears up.
"""

import atexit
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import settings

from mailplatform.up.postgres import EmbeddedPostgres

PREFIX = "mp-test-"
PLATFORMS = "whole platforms"
WHOLE_PLATFORMS = (
    "tests/flow/", "tests/up/test_a_platform_comes_and_goes.py", "tests/bench/test_a_deep_queue", "tests/bench/test_no_window", "tests/bench/test_routing",
    "tests/bench/test_throughput",
)  # fmt: skip

os.environ.update(
    DJANGO_SETTINGS_MODULE="mailplatform.settings",
    MAIL_MODE="sandbox",
    STATICFILES_BACKEND="django.contrib.staticfiles.storage.StaticFilesStorage",
    LOG_LEVEL="WARNING",
)
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + os.urandom(16).hex())
os.environ.setdefault("ENCRYPTION_KEYS", Fernet.generate_key().decode())


def _clear_up_after_killed_runs() -> None:
    for folder in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        try:
            owner = int((folder / "owner").read_text())
            os.kill(owner, 0)
        except ProcessLookupError:
            EmbeddedPostgres(folder).end_survivor()
            shutil.rmtree(folder, ignore_errors=True)
        except (OSError, ValueError):
            pass  # somebody else's, or one that is just being made


def _end() -> None:
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


if "TEST_DATABASE_URL" not in os.environ:
    _clear_up_after_killed_runs()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    (folder / "owner").write_text(str(os.getpid()))
    (folder / "static").mkdir()  # whitenoise looks for it
    server = EmbeddedPostgres(folder, fsync="off", max_connections="300")
    atexit.register(_end)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that atexit runs
    server.start()
    os.environ["TEST_DATABASE_URL"] = server.url
    os.environ["DATA_DIR"] = str(folder)

os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]


# No deadline for single examples: on a machine that is busy with the rest of the suite it would only measure the neighbours. The suite asks the same
# questions each time, so that it fails by what was changed; `bin/test --all` asks new ones.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("new", deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("same" if config.option.markexpr == "not long" else "new")
    _hash_passwords_quickly()
    _empty_what_holds_rows()


def _hash_passwords_quickly() -> None:
    """In this process: people are made by the hundred, and the real hasher is slow on purpose. Whole platforms keep it."""
    from django.conf import settings as platform

    platform.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


# What migrating leaves behind, which tests only read.
KEPT = ("django_content_type", "auth_permission")
MARK = """
    SELECT (SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM django_content_type t),
           (SELECT md5(string_agg(p::text, '' ORDER BY id)) FROM auth_permission p)
"""
# Of the tables and partitions named, those with a page in their file: all others are empty.
HOLD_ROWS = """
    SELECT c.oid::regclass::text, pg_relation_size(c.oid)
      FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
     WHERE c.relkind = 'r' AND coalesce(p.relname, c.relname) = ANY (%s) AND pg_relation_size(c.oid) > 0
"""
FEW_ROWS_BYTES = 1 << 18


def _empty_what_holds_rows() -> None:
    """After a test that commits, Django truncates every table: new files for hundreds of tables and indexes, where most tests wrote to a dozen.

    It also makes content types and permissions anew, row by row: as long as nothing has changed them, they stay.
    """
    from django.core.management.commands import flush
    from django.db import connections
    from django.db.backends.postgresql.operations import DatabaseOperations

    whole, emit = DatabaseOperations.sql_flush, flush.emit_post_migrate_signal
    marks: dict[str, Any] = {}  # by database, what was there when they were last made
    stay: set[str] = set()  # databases whose rows the flush at hand leaves

    def mark(cursor: Any) -> Any:
        cursor.execute(MARK)
        return cursor.fetchone()

    def sql_flush(self: Any, style: Any, tables: list[str], *, reset_sequences: bool = False, allow_cascade: bool = False) -> list[str]:
        if reset_sequences:
            return whole(self, style, tables, reset_sequences=True, allow_cascade=allow_cascade)
        name = self.connection.settings_dict["NAME"]
        with self.connection.cursor() as cursor:
            (stay.add if marks.get(name) == mark(cursor) else stay.discard)(name)
            cursor.execute(HOLD_ROWS, [[table for table in tables if not (name in stay and table in KEPT)]])
            found = cursor.fetchall()
        emptied = [f"DELETE FROM {table}" if size < FEW_ROWS_BYTES else f"TRUNCATE {table} CASCADE" for table, size in found]
        return ["SET LOCAL session_replication_role = replica", *emptied] if emptied else []  # no trigger, no order: all of it goes

    def emit_where_emptied(verbosity: int, interactive: bool, db: str, **context: Any) -> None:
        if connections[db].settings_dict["NAME"] not in stay:
            emit(verbosity, interactive, db, **context)
            with connections[db].cursor() as cursor:
                marks[connections[db].settings_dict["NAME"]] = mark(cursor)

    DatabaseOperations.sql_flush, flush.emit_post_migrate_signal = sql_flush, emit_where_emptied


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole platforms first: they take longest, and a long run at the end would keep one worker alone."""
    items.sort(key=lambda item: _shares_a_worker(item.nodeid) != PLATFORMS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With -n, a file's tests share a worker, and so what they have set up.

    A scheduler of our own because pytest-xdist 3.8's `loadgroup` has no effect with pytest 9.2 (it writes `_nodeid`).
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _shares_a_worker(nodeid)

    config.option.loadscopereorder = False
    return ByFile(config, log)


def _shares_a_worker(nodeid: str) -> str:
    """Whole platforms run one after another: two at a time would measure each other."""
    return PLATFORMS if nodeid.startswith(WHOLE_PLATFORMS) else nodeid.partition("::")[0]
