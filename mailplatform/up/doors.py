"""Doors: the endpoints of what runs on this machine, so that they are watched from the first start on; in the sandbox also a name that fails over.

Promises: running it again changes nothing that an operator has changed, but the place of what this machine runs follows its ports. Never in live mode: loopback
addresses (nobody else could knock there) and anything of DNS.
"""

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from mailplatform.shell.addresses import stays_here
from mailplatform.shell.database.address import DEFAULT_PORT, parameters, servers
from mailplatform.shell.private_file import write_private
from mailplatform.shell.secrets import encrypt
from monitoring.dns.models import DnsZone, RecordSet, RecordTarget
from monitoring.dns.sandbox import PREFIX
from monitoring.endpoints.models import Endpoint, VantagePoint
from monitoring.endpoints.policy import install
from monitoring.models import Machine
from monitoring.this_machine import machine_number
from pools.models import Zone

FRONTS = {"north": "127.30.1.1", "south": "127.30.2.1"}  # the sandbox's (sandbox/fronts)
DEMO_ZONE, DEMO_NAME, DEMO_KEY = "platform-dns.example", "api.platform-dns.example", "mailplatform"


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    kind: str
    host: str
    port: int
    tls: str = Endpoint.Tls.NONE
    asked: str = ""

    @property
    def is_own(self) -> bool:
        """Whether it leads to this machine alone."""
        return stays_here(self.host)


def keep(data: Path, zone: str = "") -> None:
    """What this machine runs; `zone` when it runs one zone's nodes alone."""
    install()
    number = machine_number()
    machine = Machine.objects.filter(pk=number).first() if number else None
    with transaction.atomic():
        for place in places():
            if settings.MAIL_MODE == "live" and place.is_own:
                continue
            name = f"{place.name} {zone}".strip()
            fields = {"host": place.host, "port": place.port, "machine": machine if place.is_own else None}
            made = fields | {"kind": place.kind, "tls": place.tls, "asked": place.asked, "seeded": True, "zone": Zone.objects.filter(name=zone).first()}
            found, is_new = Endpoint.objects.get_or_create(name=name, defaults=made)
            if not is_new and found.seeded:
                Endpoint.objects.filter(pk=found.pk).update(**fields)
        VantagePoint.objects.filter(kind=VantagePoint.Kind.WATCHER, zone=None).delete()
        if settings.SANDBOX_URL and machine_runs_the_sandbox(data):
            demo(data, machine)


def places() -> list[Place]:
    """What runs here, by this start's settings."""
    web = urlsplit(settings.PUBLIC_URL)
    tls = Endpoint.Tls.IMPLICIT if web.scheme == "https" else Endpoint.Tls.NONE
    found = [Place("API", Endpoint.Kind.API, web.hostname or "127.0.0.1", web.port or (443 if tls == Endpoint.Tls.IMPLICIT else 80), tls)]
    for name, kind, door, how in (
        ("submission", Endpoint.Kind.SUBMISSION, settings.SUBMISSION, Endpoint.Tls.STARTTLS),
        ("submission over TLS", Endpoint.Kind.SUBMISSION, settings.SUBMISSION_TLS, Endpoint.Tls.IMPLICIT),
        ("incoming mail", Endpoint.Kind.INCOMING, settings.INCOMING, Endpoint.Tls.NONE),
    ):
        host, port = _apart(door)
        if port:
            found.append(Place(name, kind, host, port, how))
    host, port_text = servers(parameters(settings.DATABASE_URL))[0]
    found.append(Place("database", Endpoint.Kind.DATABASE, host or "localhost", int(port_text or DEFAULT_PORT)))
    return found


def _apart(door: object) -> tuple[str, int]:
    """(host, port) of a listening address; everywhere is this machine."""
    host, port = (str(door[0]), int(door[1])) if isinstance(door, tuple) else (str(door or "").rpartition(":")[0].strip("[]"), _number(str(door or "")))
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host), port  # noqa: S104


def _number(door: str) -> int:
    port = door.rpartition(":")[2]
    return int(port) if port.isdecimal() else 0


def machine_runs_the_sandbox(data: Path) -> bool:
    return (data / "sandbox" / "zones.json").exists()


def demo(data: Path, machine: Machine | None) -> None:
    """Two simulated front doors, and a name at the simulated DNS that leads to one of them."""
    port, resolver = urlsplit(settings.SANDBOX_URL).port or 0, _apart(settings.RESOLVER)
    secret = _secret(data / "sandbox" / "updates.json")
    zone, _ = DnsZone.objects.get_or_create(name=DEMO_ZONE, defaults={"key_name": DEMO_KEY, "simulated": True})
    if zone.simulated:
        where = {"server": resolver[0], "port": resolver[1], "authoritative": f"{resolver[0]}:{resolver[1]}", "secret_encrypted": encrypt(secret.encode())}
        DnsZone.objects.filter(pk=zone.pk).update(**where)
    row, is_new = RecordSet.objects.get_or_create(
        name=DEMO_NAME, type=RecordSet.Type.A,
        defaults={"dns_zone": zone, "ttl_s": 10, "mode": RecordSet.Mode.AUTOMATIC, "fail_back_after_s": 15, "least_between_s": 5},
    )  # fmt: skip
    for place, (name, address) in enumerate(FRONTS.items()):
        fields = {"host": address, "port": port, "machine": machine}
        door, made = Endpoint.objects.get_or_create(
            name=PREFIX + name, defaults=fields | {"kind": Endpoint.Kind.TCP, "seeded": True, "zone": Zone.objects.filter(name=name).first()}
        )
        if not made:
            Endpoint.objects.filter(pk=door.pk).update(**fields)
        if is_new:
            RecordTarget.objects.create(record_set=row, value=address, priority=place).endpoints.add(door)


def _secret(file: Path) -> str:
    """The simulated DNS server's key: made once, in a file for both of us."""
    try:
        return str(json.loads(file.read_text())["secret"])
    except (OSError, ValueError, KeyError):
        secret = base64.b64encode(os.urandom(32)).decode()
        write_private(file, json.dumps({"zone": DEMO_ZONE, "key": DEMO_KEY, "secret": secret}))
        return secret
