"""A whole platform, started as an operator starts it, with a data folder and ports of its own."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg

from mailplatform.up.postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent.parent


class Platform:
    """`bin/up` without its installing half, in a process of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()

    def start(self, *options: str, within_s: float = 90) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
        command = [sys.executable, "-m", "mailplatform.up", "--data", str(self.data), "--port", str(self.port), "--no-demo", *options]
        log = (self.data.parent / "up.log").open("ab")
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
        log.close()
        wait_until(self.ready, within_s, "the platform was ready", alive=lambda: self.process is not None and self.process.poll() is None)
        self.demo = json.loads((self.data / "demo.json").read_text())

    def stop(self) -> int:
        """SIGTERM, as a terminal's Ctrl-C; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            for process in self.processes():
                process.kill()

    def ready(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False

    # -- what a tenant does -------------------------------------------------------------------------------------------

    def client(self) -> "Client":
        return Client(f"http://127.0.0.1:{self.port}", self.demo["tenant"]["api_key"])

    def address(self, local: str = "hello") -> str:
        return f"{local}@{self.demo['tenant']['domain']}"

    # -- what only a test does ----------------------------------------------------------------------------------------

    def database(self) -> psycopg.Connection:
        return psycopg.connect(EmbeddedPostgres(self.data).url, autocommit=True)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.database() as connection:
            return connection.execute(query, parameters or None).fetchall()

    def processes(self) -> list[psutil.Process]:
        """Everything that belongs to this platform, by the data folder in its command line or environment."""
        return [process for process in psutil.process_iter() if process.pid != os.getpid() and self._mine(process)]

    def _mine(self, process: psutil.Process) -> bool:
        try:
            return str(self.data) in " ".join(process.cmdline()) or process.environ().get("DATA_DIR") == str(self.data)
        except psutil.Error:
            return False

    def cluster_pid(self, node: str) -> int:
        """The parent of a node's delivery cluster."""
        mine = [process for process in self.processes() if process.environ().get("Q_CLUSTER_NAME") == f"delivery-{node}"]
        pids = {process.pid for process in mine}
        return next(process.pid for process in mine if process.ppid() not in pids)

    def engine_pids(self) -> dict[int, int]:
        """Live engines: id → process."""
        return dict(self.rows("SELECT id, pid FROM delivery_engine"))

    def sandbox(self, path: str, body: object = None) -> Any:
        """The simulated internet's JSON API."""
        url = urlsplit(self._sandbox_url())
        connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=30)
        connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())

    def _sandbox_url(self) -> str:
        web = next(process for process in self.processes() if "SANDBOX_URL" in process.environ())
        return web.environ()["SANDBOX_URL"]

    def arrivals(self) -> dict[str, int]:
        """How often each delivery was accepted by the simulated internet."""
        counts: dict[str, int] = {}
        for row in self._accepted():
            counts[row["delivery_id"]] = counts.get(row["delivery_id"], 0) + 1
        return counts

    def _accepted(self) -> Iterator[dict[str, Any]]:
        since = 0
        while True:
            page = self.sandbox(f"/api/accepted?since={since}&limit=1000")
            rows = page["accepted"] if isinstance(page, dict) else page
            if not rows:
                return
            yield from rows
            since = rows[-1]["n"]


class Client:
    """A tenant's program: keeps its connection, sends JSON."""

    def __init__(self, url: str, key: str) -> None:
        self._address = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._connection: http.client.HTTPConnection | None = None

    def request(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._address, timeout=60)
        try:
            self._connection.request(method, path, None if body is None else json.dumps(body), self._headers | (headers or {}))
            response = self._connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException):
            self._connection = None
            raise
        return response.status, json.loads(raw) if raw else None

    def post(self, path: str, body: object, **headers: str) -> tuple[int, Any]:
        return self.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def get(self, path: str) -> tuple[int, Any]:
        return self.request("GET", path)


OWN_SETTINGS = {"DATABASE_URL", "TEST_DATABASE_URL", "SECRET_KEY", "ENCRYPTION_KEYS", "DATA_DIR", "MAIL_MODE", "STATICFILES_BACKEND", "LOG_LEVEL"}


def wait_until(condition: Callable[[], Any], within_s: float, what: str, every_s: float = 0.05, alive: Callable[[], bool] = lambda: True) -> Any:
    """Poll until true; fail with what was waited for."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert alive(), f"the process ended before {what}"
        assert time.monotonic() < deadline, f"waited {within_s} s in vain until {what}"
        time.sleep(every_s)
    return value


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
