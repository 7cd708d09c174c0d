"""Accepting and nothing else: our submission process with its database, and Postfix that holds what it takes.

Both have a message on disk when they say 250: ours by PostgreSQL's commit (fsync=on, synchronous_commit=on), Postfix by the fsync of the queue file
before cleanup answers. Neither delivers: no engine runs beside ours, so that deliveries stay in `ready`, with their fair tags, as if all engines
were busy; Postfix puts what comes into its hold queue, past its queue manager, which is the least that it can do. smtp-source can neither log in nor
speak TLS: ours listens at SUBMISSION_RELAY, Postfix knows its own network.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
from cryptography.fernet import Fernet

from mailplatform.up.postgres import EmbeddedPostgres
from tests.bench.peers.postfix import Postfix, Setting
from tests.bench.peers.private_postfix import greets
from tests.bench.peers.sink import Endpoint, free_port
from tests.bench.queue.campaigns import make_domains
from tests.flow.platform import ROOT, wait_until

HOST = "127.0.0.11"
TENANT, SENDER = "harbour", "hello@harbourbank.example"
EMPTY = "TRUNCATE delivery_ready, delivery_waiting"


class Ours:
    """A database of its own, prepared as bin/up does it, and `manage.py submission`."""

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mp-submit-"))
        self.postgres = EmbeddedPostgres(self.folder)
        self.port = free_port(HOST)
        self.process: subprocess.Popen[bytes] | None = None
        self._settings = settings

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def __enter__(self) -> Self:
        try:
            self.postgres.start()
            (self.folder / "sandbox").mkdir()
            subprocess.run([sys.executable, "-m", "mailplatform.up.prepare"], cwd=ROOT, env=self.environment(), check=True, capture_output=True)
            with psycopg.connect(self.postgres.url, autocommit=True) as connection:
                self.domain = make_domains(connection, 1)[0]
            self.serve()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end(signal.SIGTERM)
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def serve(self) -> None:
        """Start the process, wait until it greets."""
        with (self.folder / "submission.log").open("ab") as log:
            command = [sys.executable, "manage.py", "submission"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment(), stdout=log, stderr=log, start_new_session=True)
        wait_until(lambda: greets(HOST, self.port), 30, "submission listened", alive=lambda: self.process is not None and self.process.poll() is None)

    def end(self, number: signal.Signals) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)
            self.process.wait(20)
            self.process = None

    def empty(self) -> None:
        """The queue of the run before: it is no part of the next one's."""
        self.rows(EMPTY)

    def stored(self) -> int:
        return int(self.rows("SELECT count(*) FROM delivery_message")[0][0])

    def queued(self) -> int:
        return int(self.rows("SELECT count(*) FROM delivery_ready")[0][0])

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            cursor = connection.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def environment(self) -> dict[str, str]:
        own = {
            "DATA_DIR": str(self.folder), "DATABASE_URL": self.postgres.url, "MAIL_MODE": "sandbox", "SECRET_KEY": "only-for-a-benchmark" * 3,
            "ENCRYPTION_KEYS": self._key, "DJANGO_SETTINGS_MODULE": "mailplatform.settings", "SUBMISSION_RELAY": self.address,
            "SUBMISSION_TRUSTED": f"127.0.0.0/8={TENANT}", "LOG_LEVEL": "INFO",
            "STATICFILES_BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
        }  # fmt: skip
        return {**os.environ, **own, **self._settings}

    _key = Fernet.generate_key().decode()


class HoldingPostfix(Postfix):
    """Takes everything, syncs it, and leaves it in the hold queue."""

    def __init__(self) -> None:
        super().__init__(Setting(20), Endpoint("127.0.0.1", 9, False))
        self.domain = "held.example"

    def _own(self) -> dict[str, str]:
        return {**super()._own(), "smtpd_client_restrictions": "check_client_access static:HOLD", "message_size_limit": "26214400"}

    def held(self) -> int:
        return sum(len(files) for _, _, files in os.walk(self._folder / "spool" / "hold"))

    def empty(self) -> None:
        for folder, _, files in os.walk(self._folder / "spool" / "hold"):
            for file in files:
                (Path(folder) / file).unlink()


@dataclass(frozen=True, slots=True)
class Injected:
    """What smtp-source came to."""

    messages: int
    seconds: float

    @property
    def per_s(self) -> float:
        return self.messages / self.seconds
