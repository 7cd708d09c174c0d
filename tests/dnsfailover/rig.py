"""What the tests of DNS failover stand on: doors that can be shut, three vantage points, a pilot, and a record set at a real DNS server."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from psycopg.conninfo import make_conninfo

from mailplatform.shell.secrets import encrypt
from monitoring.dns.models import DnsZone, RecordSet, RecordTarget
from monitoring.dns.pilot import Pilot
from monitoring.endpoints.models import Endpoint, ProbePolicy
from monitoring.endpoints.vantage import VantagePoint
from monitoring.rhythm import Rhythm
from tests.dnsfailover.named import KEY, ZONE, Named

PATIENCE_S = 40.0


class Shop:
    """A TCP door on loopback that can be shut and opened again at the same place."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.address, self.port = address, 0
        self.open()

    def open(self) -> None:
        self._server = socket.create_server((self.address, self.port), backlog=128)
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._server,), daemon=True).start()

    def shut(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    @staticmethod
    def _serve(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                server.accept()[0].close()


def until(what: Callable[[], Any], why: str, patience_s: float = PATIENCE_S) -> Any:
    """What `what` gives once it gives something."""
    deadline = time.monotonic() + patience_s
    while not (found := what()):
        assert time.monotonic() < deadline, f"{why}, within {patience_s:.0f} s"
        time.sleep(0.02)
    return found


def database_url() -> str:
    """The test's own database, as libpq sees it."""
    own = connection.settings_dict
    wanted = {"dbname": own["NAME"], "user": own["USER"], "host": own["HOST"], "port": own["PORT"], "password": own["PASSWORD"]}
    return make_conninfo("", **{name: value for name, value in wanted.items() if value})


@contextlib.contextmanager
def looking(*names: str) -> Iterator[None]:
    """Vantage points of these names, each as it runs beside a watcher."""
    rhythm = Rhythm()
    threads = [threading.Thread(target=VantagePoint(database_url(), name, "witness", "", rhythm).run, daemon=True) for name in names]
    with _running(rhythm, threads):
        yield


@contextlib.contextmanager
def flying() -> Iterator[Pilot]:
    rhythm = Rhythm()
    pilot = Pilot(database_url(), rhythm)
    with _running(rhythm, [threading.Thread(target=pilot.run, daemon=True)]):
        yield pilot


@contextlib.contextmanager
def _running(rhythm: Rhythm, threads: list[threading.Thread]) -> Iterator[None]:
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        rhythm.stop()
        for thread in threads:
            thread.join(10)


def policy(**fields: Any) -> None:
    ProbePolicy.objects.update_or_create(pk=1, defaults=fields)


def endpoint(name: str, shop: Shop, **fields: Any) -> Endpoint:
    return Endpoint.objects.create(**{"name": name, "kind": "tcp", "host": shop.address, "port": shop.port, **fields})


def dns_zone(server: Named, **fields: Any) -> DnsZone:
    own = {
        "name": ZONE, "server": server.address, "port": server.port, "key_name": KEY, "secret_encrypted": encrypt(server.secret.encode()),
        "authoritative": f"{server.address}:{server.port}", "timeout_ms": 3000,
    }  # fmt: skip
    return DnsZone.objects.create(**{**own, **fields})


def record_set(zone: DnsZone, targets: dict[str, tuple[Endpoint | None, int]], **fields: Any) -> RecordSet:
    """`targets`: value to (endpoint, priority)."""
    row = RecordSet.objects.create(**{"dns_zone": zone, "name": f"api.{ZONE}", "mode": "automatic", "least_between_s": 0, "fail_back": "at_once", **fields})
    for value, (of, priority) in targets.items():
        target = RecordTarget.objects.create(record_set=row, value=value, priority=priority)
        if of is not None:
            target.endpoints.add(of)
    return row
