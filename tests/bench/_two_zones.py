"""Two zones and three nodes on one machine, each with its own way to the database, so that it can be cut off alone.

Zone north (node north-1) is a `bin/up --zone north`; zone south's web server, watcher and nodes south-1 and south-2 are started here, and again when they
end. The database is a server of its own; each node reaches it at its own loopback address.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from mailplatform.up.installation import Installation, read_lines
from mailplatform.up.postgres import NAME, EmbeddedPostgres
from tests.flow.platform import OWN_SETTINGS, ROOT, Platform, _free_port, wait_until

WAYS = {"north": "127.77.1.1", "south-1": "127.77.2.1", "south-2": "127.77.3.1", "south": "127.77.9.1"}  # "south": its web server and watcher
NODES = {"north-1": "north", "south-1": "south", "south-2": "south"}
_WORLD = """
from django.db import connection
from mailplatform.up.seed import simulated_dns
from pools.failover.models import FailoverPolicy
from pools.models import Node, Pool, PoolMember, SendingIP, Zone
from pathlib import Path
import json
south = Node.objects.get_or_create(name="south-2", defaults={"zone": Zone.objects.get(name="south")})[0]
for n in range(1, 5):
    SendingIP.objects.get_or_create(address=f"127.10.3.{n}", defaults={"node": south, "ehlo_name": f"mta-3{n}.south-2.platform.example"})
pool = Pool.objects.get(name="harbour")
for ip in SendingIP.objects.all():
    PoolMember.objects.get_or_create(pool=pool, ip=ip)
FailoverPolicy.objects.update_or_create(pk=1, defaults={"longest_return_s": 30})
with connection.cursor() as cursor:
    cursor.execute("UPDATE warming_warmingpolicy SET is_on = false")
    cursor.execute("UPDATE pools_path SET warm_per_hour = NULL, warm_per_day = NULL")
    cursor.execute("UPDATE pools_sendingip SET warm_default_per_hour = NULL, warm_default_per_day = NULL")
Path(%r).write_text(json.dumps(simulated_dns(), indent=1, sort_keys=True))
"""


@dataclass
class Child:
    """A program of zone south that is started again when it ends."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    groups: list[int] = field(default_factory=list)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True)
        self.groups.append(self.process.pid)

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None


class TwoZones(Platform):
    """`ports` are the two web servers'."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.south_port = _free_port()
        self.server = EmbeddedPostgres(data.parent / "db", listen_addresses=",".join(WAYS.values()))
        self.children: list[Child] = []
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def way(self, name: str) -> str:
        """How somebody reaches the database."""
        return f"postgresql://{NAME}@{WAYS[name]}:5432/{NAME}"

    def open(self) -> None:
        self.server.make()
        with (self.server.cluster / "pg_hba.conf").open("a") as hba:
            # A benchmark's data, and in a network of its own nobody else reaches it.
            hba.write("host all all 127.77.0.0/16 trust\nhost all all 127.0.0.1/32 trust\n")
        self.server.start()
        self.settings = {**self.settings, "DATABASE_URL": self.way("north")}
        self.start("--zone", "north", within_s=150)
        self.manage("shell", "-c", _WORLD % str(self.data / "sandbox" / "zones.json"))
        self._start_south()
        wait_until(self.whole, 90, "three engines had their IPs")

    def _start_south(self) -> None:
        common = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
        common |= {**read_lines(self.data / "environment.env"), **Installation(self.data).secrets(), "DJANGO_SETTINGS_MODULE": "mailplatform.settings"}
        web = [sys.executable, "-m", "gunicorn", "mailplatform.wsgi", "--bind", f"127.0.0.1:{self.south_port}", "--workers", "2", "--threads", "4",
               "--log-level", "warning", "--no-control-socket"]  # fmt: skip
        self._add("web", web, common | {"DATABASE_URL": self.way("south")})
        self._add("watcher", _manage("watcher"), common | {"DATABASE_URL": self.way("south"), "ZONE": "south"})
        for node in ("south-1", "south-2"):
            own = self.data.parent / node
            (own / "journal").mkdir(mode=0o700, parents=True)
            mine = common | {"DATABASE_URL": self.way(node), "NODE": node, "ZONE": "south", "DATA_DIR": str(own)}
            self._add(f"cluster {node}", _manage("delivery_cluster"), mine | {"Q_CLUSTER_NAME": f"delivery-{node}"})
            self._add(f"agent {node}", _manage("node_agent"), mine)
        self._keeper.start()

    def _add(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        child = Child(name, command, environment, self.data.parent / f"{name.replace(' ', '-')}.log")
        self.children.append(child)
        child.start()

    def _keep(self) -> None:
        while not self._ending.wait(0.3):
            for child in self.children:
                if child.ended and not self._ending.is_set():
                    child.start()

    def child(self, name: str) -> int:
        """A southern program's process."""
        process = next(child.process for child in self.children if child.name == name)
        assert process is not None
        return process.pid

    def whole(self) -> bool:
        """Every node has an engine with all its IPs, which no judge suspects."""
        return self.rows("SELECT count(*) FROM delivery_engine WHERE jsonb_array_length(state->'ips') = 4 AND suspected_at IS NULL") == [(3,)]

    def database(self) -> psycopg.Connection:
        """Past every cut: by the socket."""
        return psycopg.connect(self.server.url, autocommit=True)

    def close(self) -> None:
        self._ending.set()
        for child in self.children:
            for group in child.groups:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signal.SIGTERM)
        time.sleep(1.0)
        for child in self.children:
            for group in child.groups:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signal.SIGKILL)
        if self.process is not None:
            self.stop()
        self.server.stop()


def _manage(command: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), command]


@contextlib.contextmanager
def two_zones(folder: Path) -> Iterator[TwoZones]:
    platform = TwoZones(folder / "data")
    try:
        platform.open()
        yield platform
    finally:
        platform.close()
