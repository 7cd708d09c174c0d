"""Two real PostgreSQL servers, one the other's synchronous standby, and what befalls them.

Streaming replication over their Unix sockets. What a cluster manager does (promote, and empty `synchronous_standby_names` where no standby is left: the setting is
the first primary's alone) is done here.
"""

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from mailplatform.up.postgres import BINARIES, NAME, EmbeddedPostgres, _as_no_one

SYNCHRONOUS = {"synchronous_standby_names": "*", "wal_keep_size": "512MB", "hot_standby": "on"}


class Pair:
    """`one` begins as the primary, `two` as its standby; `url` names both."""

    def __init__(self, folder: Path, like: EmbeddedPostgres | None = None, **settings: str) -> None:
        """`like`: a server whose data `one` begins with."""
        self.settings = settings
        self.one, self.two = (EmbeddedPostgres(folder / name, **settings) for name in ("one", "two"))
        if like is not None:
            _copy(like.socket_folder, self.one)
        self.one.start()
        self._follow(self.one, self.two)
        self.one = self._again(self.one, **SYNCHRONOUS)
        self._until(lambda: self.ask(self.one, "SELECT sync_state FROM pg_stat_replication"), "the standby was synchronous")

    def url(self, name: str = NAME) -> str:
        folders = ",".join(quote(str(server.socket_folder), safe="") for server in (self.one, self.two))
        return f"postgresql://{NAME}@/{name}?host={folders}"

    # -- what befalls them --------------------------------------------------------------------------------------------

    def kill(self, server: EmbeddedPostgres) -> None:
        """As a machine that loses its power."""
        for process in _processes(server):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def freeze(self, server: EmbeddedPostgres) -> None:
        self._signal(server, signal.SIGSTOP)

    def thaw(self, server: EmbeddedPostgres) -> None:
        self._signal(server, signal.SIGCONT)

    def _signal(self, server: EmbeddedPostgres, which: signal.Signals) -> None:
        for process in _processes(server):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(which)

    def promote(self, server: EmbeddedPostgres) -> None:
        self.ask(server, "SELECT pg_promote(true, 30)")

    def come_back_as_standby(self, server: EmbeddedPostgres, primary: EmbeddedPostgres) -> EmbeddedPostgres:
        """A primary that was stopped in order follows the new one."""
        (server.cluster / "standby.signal").touch()
        followed = self._again(server, primary_conninfo=f"host={primary.socket_folder} user={NAME}", hot_standby="on", synchronous_standby_names="")
        self._until(lambda: self.ask(primary, "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"), "it follows")
        return followed

    # -- their servers ------------------------------------------------------------------------------------------------

    def ask(self, server: EmbeddedPostgres, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(f"host={server.socket_folder} user={NAME} dbname=postgres", autocommit=True, connect_timeout=10) as connection:
            return connection.execute(query).fetchall()

    def _follow(self, primary: EmbeddedPostgres, standby: EmbeddedPostgres) -> None:
        _copy(primary.socket_folder, standby)
        (standby.cluster / "standby.signal").touch()
        standby.settings |= {"primary_conninfo": f"host={primary.socket_folder} user={NAME}", "hot_standby": "on"}
        log = (standby.data / "postgres.log").open("ab")
        standby.process = subprocess.Popen(standby.command(), stdout=log, stderr=log, start_new_session=True)
        log.close()
        self._until(standby.answers, "the standby answered")

    def _again(self, server: EmbeddedPostgres, **settings: str) -> EmbeddedPostgres:
        server.stop()
        again = EmbeddedPostgres(server.data, **{**server.settings, **settings})
        log = (again.data / "postgres.log").open("ab")
        again.process = subprocess.Popen(again.command(), stdout=log, stderr=log, start_new_session=True)
        log.close()
        self._until(again.answers, "it answered again")
        return again

    def _until(self, condition: object, what: str, within_s: float = 30) -> None:
        deadline = time.monotonic() + within_s
        while not condition():  # type: ignore[operator]
            assert time.monotonic() < deadline, f"waited {within_s} s in vain until {what}: {self.one.last_words()} / {self.two.last_words()}"
            time.sleep(0.02)

    def end(self) -> None:
        for server in (self.one, self.two):
            self.thaw(server)
            self.kill(server)


@contextlib.contextmanager
def pair(like: EmbeddedPostgres | None = None, **settings: str) -> Iterator[Pair]:
    folder = Path(tempfile.mkdtemp(prefix="mp-pair-"))
    made = None
    try:
        made = Pair(folder, like, **settings)
        yield made
    finally:
        if made is not None:
            made.end()
        for name in ("one", "two"):
            EmbeddedPostgres(folder / name).end_survivor()
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, into: EmbeddedPostgres) -> None:
    into.data.mkdir(parents=True, exist_ok=True)
    into.socket_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [*_as_no_one(), str(BINARIES / "pg_basebackup"), "-h", str(source), "-U", NAME, "-D", str(into.cluster), "-X", "stream", "-c", "fast", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True)


def _processes(server: EmbeddedPostgres) -> list[psutil.Process]:
    pid = server.pid()
    if pid is None:
        return []
    main = psutil.Process(pid)
    return [main, *main.children(recursive=True)]
