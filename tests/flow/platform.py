"""A whole platform, started as an operator starts it, with a data folder and ports of its own."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psutil
import psycopg

from delivery.queue.cancel import cancel
from delivery.queue.promote import let_go
from mailplatform.shell.database.connect import connect
from mailplatform.shell.ids import family_end, message_of
from mailplatform.up.postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent.parent


class Platform:
    """`bin/up` without its installing half, in a process of its own."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data, self.settings = data, settings
        self.process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self._sandbox = ""

    def start(self, *options: str, within_s: float = 240) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS} | self.settings
        command = [sys.executable, "-m", "mailplatform.up", "--data", str(self.data), "--port", str(self.port), "--no-demo", *options]
        log = (self.data.parent / "up.log").open("ab")
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
        log.close()
        wait_until(self._is_up, within_s, "the platform was ready", alive=lambda: self.process is not None and self.process.poll() is None)
        self.demo = json.loads((self.data / "demo.json").read_text())
        self._sandbox = ""

    def stop(self) -> int:
        """SIGTERM, as a terminal's Ctrl-C; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            for process in self.processes():
                process.kill()

    def _is_up(self) -> bool:
        """Ready by a web server of this start: one that outlived a killed start may still answer."""
        assert self.process is not None
        own = psutil.Process(self.process.pid).children(recursive=True)
        return any(_is(process, "gunicorn") for process in own) and self.ready()

    def ready(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False

    # -- what a tenant does -------------------------------------------------------------------------------------------

    def client(self, tenant: str = "") -> "Client":
        """The first demo tenant's program, or another one's."""
        keys = json.loads((self.data / "demo-keys.json").read_text())
        return Client(f"http://127.0.0.1:{self.port}", keys[tenant] if tenant else self.demo["tenant"]["api_key"])

    def address(self, local: str = "hello") -> str:
        return f"{local}@{self.demo['tenant']['domain']}"

    def send(self, to: object, **changed: object) -> str:
        """Submit one transactional message; its id."""
        message = {"from": self.address(), "to": to, "subject": "Hello", "text": "Hello", "stream": "transactional", **changed}
        status, answer = self.client().post("/api/v1/messages", message)
        assert status == 202, answer
        return str(answer["id"])

    def message(self, message: str) -> dict[str, Any]:
        status, answer = self.client().get(f"/api/v1/messages/{message}")
        assert status == 200, answer
        return dict(answer)

    def delivery(self, message: str) -> dict[str, Any]:
        """A message's first delivery."""
        return dict(self.message(message)["deliveries"][0])

    def until(self, message: str, state: str, within_s: float = 30, attempts: int = 0) -> dict[str, Any]:
        """The first delivery, once it has this state and as many attempts."""
        seen: dict[str, Any] = {}

        def there() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):  # a web server that ends just now: ask again
                seen.update(self.delivery(message))
            return bool(seen) and seen["state"] == state and len(seen["attempts"]) >= attempts

        try:
            wait_until(there, within_s, f"it was {state}")
        except AssertionError as late:
            raise AssertionError(f"{late}; it is {seen}") from None
        return seen

    # -- what time or an operator does --------------------------------------------------------------------------------

    def make_due(self, message: str) -> int:
        """The message's waiting deliveries are due now; how many there were."""
        first = UUID(message)
        with self.database() as connection:
            ids = [row[0] for row in connection.execute("SELECT id FROM delivery_waiting WHERE id BETWEEN %s AND %s", (first, family_end(first)))]
            return let_go(connection, ids)

    def manage(self, *arguments: str) -> str:
        """`bin/manage` in this platform's environment; what it said."""
        environment = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS} | {"DATA_DIR": str(self.data)}
        command = [sys.executable, "-m", "mailplatform.up.manage", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def at_full_strength(self) -> bool:
        """Both engines are there with all their sending IPs, and know of each other's."""
        return self.rows("SELECT count(*) FROM delivery_engine WHERE jsonb_array_length(state->'ips') = 4") == [(2,)]

    def withdraw_everything(self) -> None:
        """Cancel what is not on its way, so that the next test finds an empty queue."""
        with self.database() as connection, connection.cursor() as cursor:
            rows = connection.execute("SELECT id, tenant_id FROM delivery_waiting UNION ALL SELECT id, tenant_id FROM delivery_ready").fetchall()
            for delivery, tenant in rows:
                cancel(cursor, tenant, message_of(delivery), datetime.now(UTC), by="the end of a test")

    def queued(self) -> int:
        return int(self.rows(QUEUED)[0][0])

    def forget_learned(self) -> None:
        """The simulated providers forget these IPs, the engines what providers said: as when an operator lifts it all."""
        for (ip,) in self.rows("SELECT host(address) FROM pools_sendingip"):
            self.control("heal", ip=ip)
        with self.database() as connection:
            connection.execute("DELETE FROM pools_scopedlimit")
            connection.execute("UPDATE delivery_campaignblock SET expires_at = platform_now() WHERE expires_at > platform_now()")
            connection.execute("UPDATE pools_sendingip SET state = 'active', state_why = '' WHERE state = 'quarantined'")
            connection.execute("UPDATE pools_path SET state = 'open', share = 100, probation_per_hour = NULL WHERE state IN ('quarantined', 'probation')")
            connection.execute(BEGIN_ANEW)
            connection.execute("UPDATE pools_action SET state = 'over', ended_at = platform_now() WHERE state IN ('done', 'proposed')")
            connection.execute(LIFT)
        wait_until(lambda: not self.rows(LEARNED) or self._lift(), 30, "the engines had forgotten what they learned", every_s=1.5)

    def _lift(self) -> None:
        with self.database() as connection:
            connection.execute(LIFT)

    # -- what only a test does ----------------------------------------------------------------------------------------

    def database(self) -> psycopg.Connection:
        return connect(self.settings.get("DATABASE_URL") or EmbeddedPostgres(self.data).url)

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

    def pid_of(self, command: str, **environment: str) -> int:
        """The supervisor's own child that runs this command with this environment; 0: there is none now."""
        mine = self.processes()
        supervisor = next((process.pid for process in mine if _is(process, "supervisord")), 0)
        return next((process.pid for process in mine if _is(process, command, supervisor, **environment)), 0)

    def engine_pids(self) -> dict[int, int]:
        """Live engines: id → process."""
        return dict(self.rows("SELECT id, pid FROM delivery_engine"))

    def sandbox(self, path: str, body: object = None) -> Any:
        """The simulated internet's JSON API."""
        if not self._sandbox:
            web = next(process for process in self.processes() if "SANDBOX_URL" in process.environ())
            self._sandbox = urlsplit(web.environ()["SANDBOX_URL"]).netloc
        connection = http.client.HTTPConnection(self._sandbox, timeout=30)
        connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())

    def page(self, path: str) -> str:
        """A page of the simulated internet, as it is."""
        self.sandbox("/api/accepted?since=0&limit=1")  # finds out where it is
        connection = http.client.HTTPConnection(self._sandbox, timeout=30)
        connection.request("GET", path)
        return connection.getresponse().read().decode()

    def control(self, action: str, **parameters: object) -> None:
        answer = self.sandbox("/api/control", {"action": action, **parameters})
        assert answer.get("done"), answer

    def sandbox_smtp_port(self) -> int:
        return int(json.loads((self.data / "sandbox" / "ports.json").read_text())["smtp"])

    def incoming_port(self) -> int:
        """Where what comes back is taken."""
        return int(json.loads((self.data / "ports.json").read_text())["returns"])

    def arrived(self, delivery: object) -> list[dict[str, Any]]:
        """What the simulated internet accepted of a delivery."""
        return list(self.sandbox(f"/api/find?id={delivery}")["found"])

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


@contextlib.contextmanager
def running(within_s: float = 240, options: tuple[str, ...] = (), **settings: str) -> Iterator[Platform]:
    """A platform in a folder of its own, started; stopped and removed afterwards. `settings`: more of its environment."""
    folder = Path(tempfile.mkdtemp(prefix="mp-flow-"))
    platform = Platform(folder / "data", **settings)
    try:
        platform.start(*options, within_s=within_s)
        yield platform
    finally:
        if platform.process is not None:
            platform.stop()
        shutil.rmtree(folder, ignore_errors=True)


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


# What was learned stays for the engines to clear: so a test sees that they have heard it.
LEARNED = "SELECT 1 FROM pools_path WHERE learned - 'mood' <> '{}' OR suspended_until > platform_now() OR circuit_failures > 0"
# As a cancelled action, but for its grace.
BEGIN_ANEW = """
    UPDATE pools_pathstanding SET state = 'open', step = 0, until = NULL, entries = '{}', covering = false, grace_until = NULL, version = version + 1,
           memory = jsonb_build_object('fresh_at', platform_now()), updated_at = platform_now()
"""
LIFT = "UPDATE pools_path SET lifted_at = platform_now()"
QUEUED = "SELECT (SELECT count(*) FROM delivery_ready) + (SELECT count(*) FROM delivery_waiting) + (SELECT count(*) FROM delivery_claimed)"
OWN_SETTINGS = {"DATABASE_URL", "TEST_DATABASE_URL", "SECRET_KEY", "ENCRYPTION_KEYS", "DATA_DIR", "MAIL_MODE", "STATICFILES_BACKEND", "LOG_LEVEL"}


def _is(process: psutil.Process, command: str, parent: int | None = None, **environment: str) -> bool:
    try:
        mine = command in " ".join(process.cmdline()) and environment.items() <= process.environ().items()
        return mine and parent in (None, process.ppid())
    except psutil.Error:
        return False


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
