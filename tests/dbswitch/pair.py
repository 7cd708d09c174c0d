"""Two real PostgreSQL servers, one the other's synchronous standby, and what befalls them.

Streaming replication over their Unix sockets. What a cluster manager does is done here: it promotes, empties `synchronous_standby_names` where no
standby is left, and makes a standby of what is left of the former primary.
"""

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from mailplatform.up.postgres import BINARIES, NAME, EmbeddedPostgres, _as_no_one

KEEPS = {"wal_keep_size": "512MB", "hot_standby": "on"}


class Pair:
    """`primary` and `standby` say who is what now; `url` names both."""

    def __init__(self, folder: Path, like: Path | None = None, **settings: str) -> None:
        """`like`: the socket folder of a server whose data they begin with."""
        self.primary, self.standby = (EmbeddedPostgres(folder / name, **KEEPS, **settings) for name in ("one", "two"))
        self._folders = [self.primary.socket_folder, self.standby.socket_folder]
        if like is not None:
            _copy(like, self.primary)
        self.primary.make()
        (self.primary.cluster / "postgresql.conf").write_text("")  # what the command line says otherwise would spoil every reload
        self.primary.start()
        self.follow_anew()

    def url(self, name: str = NAME) -> str:
        return f"postgresql://{NAME}@/{name}?host={','.join(quote(str(folder), safe='') for folder in self._folders)}"

    # -- what befalls them --------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """The primary, as a machine that loses its power."""
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def stop(self) -> None:
        """In order, as in a planned switch."""
        self.primary.stop()

    def _signal(self, which: signal.Signals) -> None:
        for process in _processes(self.primary):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(which)

    @contextlib.contextmanager
    def out_of_touch(self) -> Iterator[None]:
        """The standby is told nothing meanwhile."""
        senders = [process for process in _processes(self.primary) if "walsender" in " ".join(process.cmdline())]
        assert senders
        for process in senders:
            process.suspend()
        try:
            yield
        finally:
            for process in senders:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    # -- what a cluster manager does ----------------------------------------------------------------------------------

    def promote(self) -> None:
        """The standby is the primary now; it has no standby of its own, and waits for none."""
        self.primary, self.standby = self.standby, self.primary
        self.ask(self.primary, "SELECT pg_promote(true, 30)")
        self.ask(self.primary, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")

    def come_back(self) -> None:
        """The former primary, which was stopped in order, follows the new one."""
        self._start_standby()
        self._make_synchronous()

    def follow_anew(self) -> None:
        """Whatever the standby was, it is made anew of the primary."""
        for process in _processes(self.standby):
            process.kill()
        self._until(lambda: not _processes(self.standby), "the former server was gone")
        shutil.rmtree(self.standby.cluster, ignore_errors=True)
        _copy(self.primary.socket_folder, self.standby)
        self._start_standby()
        self._make_synchronous()

    def _start_standby(self) -> None:
        (self.standby.cluster / "standby.signal").touch()
        self.standby.settings["primary_conninfo"] = f"host={self.primary.socket_folder} user={NAME}"
        self.standby.socket_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = (self.standby.data / "postgres.log").open("ab")
        self.standby.process = subprocess.Popen(self.standby.command(), stdout=log, stderr=log, start_new_session=True)
        log.close()
        self._until(self.standby.answers, "the standby answered")

    def _make_synchronous(self) -> None:
        self.ask(self.primary, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        self._until(lambda: self.ask(self.primary, "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"), "the standby was synchronous")

    # -- looks --------------------------------------------------------------------------------------------------------

    def ask(self, server: EmbeddedPostgres, *queries: str) -> list[tuple[object, ...]]:
        with psycopg.connect(f"host={server.socket_folder} user={NAME} dbname=postgres", autocommit=True, connect_timeout=10) as connection:
            for query in queries:
                asked = connection.execute(query)
            return asked.fetchall()

    def _until(self, condition: Callable[[], object], what: str, within_s: float = 60) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"waited {within_s} s in vain until {what}: {self.primary.last_words()} / {self.standby.last_words()}"
            time.sleep(0.02)

    def end(self) -> None:
        for process in [*_processes(self.primary), *_processes(self.standby)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@contextlib.contextmanager
def pair(like: Path | None = None, **settings: str) -> Iterator[Pair]:
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
    how = ["-D", str(into.cluster), "-X", "stream", "-c", "fast", "--no-sync"]
    command = [*_as_no_one(), str(BINARIES / "pg_basebackup"), "-h", str(source), "-U", NAME, *how]
    subprocess.run(command, check=True, capture_output=True)


def _processes(server: EmbeddedPostgres) -> list[psutil.Process]:
    pid = server.pid()
    if pid is None:
        return []
    main = psutil.Process(pid)
    return [main, *main.children(recursive=True)]
