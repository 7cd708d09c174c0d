"""A platform on which everything is well, and on which everything that a shipped rule looks for can be made wrong, as those who write it would; and mended."""

import math
import random
import socketserver
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ, Task

from delivery.models import Engine, IpLease, WebhookEndpoint, WebhookEvent
from mailplatform.shell import clock
from mailplatform.shell.ids import message_id
from mailplatform.shell.models import ClusterBeat
from mailplatform.tenants.models import DomainCheck
from monitoring.alerts.models import AlertRule
from monitoring.metrics.certificates import Certificates, doors_of_here
from monitoring.metrics.collect import Collector, Part, parts
from monitoring.metrics.gather.moment import Moment, Values
from monitoring.metrics.gather.outside import Doors
from monitoring.metrics.models import MetricHour, MetricSubject
from monitoring.metrics.tick import beginning
from monitoring.models import AgentBeat, DrillPolicy, DrillSchedule, Endpoint, NodeReport, WatcherBeat
from pools.models import Listing, Node, PathMinute, PoolMember, SendingIP, StreamMinute
from pools.models import Path as SendingPath
from pools.purposes import Purpose
from tests.queue.house import House, connect, knows
from warming.models import WarmupPlan
from warming.warmups import Warmup, WarmupDecision

TICK = timedelta(seconds=10)
MISSING = ("cpu_share", "queue_ready", "connections_share")  # a part that failed once
_READY = """
INSERT INTO delivery_ready (id, body_id, tenant_id, stream_id, domain_id, pool_id, provider_id, purpose, tag, ready_at, attempts, tries, crashes,
       avoid_ip_ids, recipient, size_bytes, fingerprint, expires_at)
SELECT gen_random_uuid(), gen_random_uuid(), %(tenant)s, 1, 1, %(pool)s, %(provider)s, %(purpose)s, n, platform_now() - %(age)s::interval, 0, 0, 0,
       '{}', 'a@a.example', 1, 0, platform_now() + interval '1 day' FROM generate_series(1, %(count)s) n
"""


class World:
    """`tick(at)` moves the clock and writes what lives; what is broken is not written, or written as it is."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.broken, self.open = folder, False, list[psycopg.Connection[Any]]()
        self.start = beginning(datetime.now(UTC), 3600) + timedelta(minutes=30)
        self.house = house = House.build()
        self.nodes = [house.node, *(Node.objects.create(zone=house.node.zone, name=f"north-{n}") for n in (2, 3))]
        self.ips = [*house.ips, *(SendingIP.objects.create(node=house.node, address=f"127.10.1.{n}", ehlo_name=f"m{n}.example") for n in range(3, 9))]
        PoolMember.objects.bulk_create(PoolMember(pool=house.pool, ip=ip) for ip in self.ips[2:])
        self.provider, self.other = knows("gmail.com"), knows("outlook.com", "microsoft")
        self.engines = [Engine.objects.create(node=node, slot=0, pid=1, started_at=self.start, renewed_at=self.start) for node in self.nodes]
        IpLease.objects.create(ip=self.ips[0], engine=self.engines[0], granted_at=self.start - timedelta(days=1))
        self.paths = [SendingPath.objects.create(ip=ip, provider=self.provider, limits_now={"connections": 20}, updated_at=self.start) for ip in self.ips]
        self.hook = WebhookEndpoint.objects.create(tenant=house.tenant, url="http://127.0.0.1/", secret_encrypted=b"x", created_at=self.start)
        self.door = _Door(folder)
        self.certificates = Certificates()
        Endpoint.objects.create(name="submission", kind="submission", host="127.0.0.1", port=self.door.port, tls="implicit")
        self.api = Endpoint.objects.create(name="api", kind="api", host="127.0.0.1", port=1, state="up")
        self.noise: random.Random | None = None
        self.lag_s = 0.0  # a standby is a second server: its lag is said here, and measured in earnest by the long run
        made = [part for part in parts() if part.name != "endpoints"]
        for part in made:
            part.every_s = 10.0  # what is asked less often is so by a clock that this test does not move
        self.collector = Collector([*made, Part("endpoints", Doors(self.certificates).gather), Part("standby", self._standby)])
        self._remember()

    def end(self) -> None:
        for one in self.open:
            one.close()
        self.door.stop()
        clock.set_shift(timedelta())

    def tick(self, at: datetime) -> None:
        shift = at - datetime.now(UTC) + timedelta(seconds=1)
        clock.set_shift(shift)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('mailplatform.clock_shift', %s, false)", [f"{shift.total_seconds()} s"])
        self._live(at)
        self._send(at)
        if self.noise:
            self._rustle(at, self.noise)

    def _rustle(self, at: datetime, chance: random.Random) -> None:
        """What a healthy day is like: much for a while, a little wrong now and then."""
        busy = 0.5 + 0.45 * math.sin(at.timestamp() / 300)
        NodeReport.objects.update(cpu_percent=min(100, 100 * busy + chance.uniform(-10, 10)), memory_percent=50 + 30 * busy, files_open=30)
        SendingPath.objects.filter(pk=self.paths[0].pk).update(open_connections=round(19 * busy), updated_at=clock.now())
        deferred, bounced = chance.randint(0, 10), chance.randint(0, 3)
        _add(PathMinute, {"attempted": 100, "delivered": 100 - deferred, "deferred": deferred, "connects": 10, "tls_errors": int(chance.random() < 0.1)},
             ip_id=self.ips[1].pk, provider_id=self.provider.pk, minute=beginning(at, 60))  # fmt: skip
        named = {"tenant_id": self.house.tenant.pk, "purpose": 0, "pool_id": self.house.pool.pk, "provider_id": self.provider.pk}
        said = {"attempted": 100, "delivered": 97, "bounced": bounced, "complaints": int(chance.random() < 0.05)}
        _add(StreamMinute, said, stream_id=self.house.streams[Purpose.TRANSACTIONAL].pk, minute=beginning(at, 60), **named)
        if chance.random() < 1 / 1000:
            Task.objects.create(id=str(at), name=str(at), func="a", started=at - TICK, stopped=at - timedelta(seconds=3), success=False)
        with connection.cursor() as cursor:
            of = {"tenant": self.house.tenant.pk, "pool": self.house.pool.pk, "provider": self.provider.pk}
            cursor.execute("DELETE FROM delivery_ready")
            cursor.execute(_READY, of | {"purpose": chance.randint(0, 2), "count": chance.randint(0, 400), "age": "40 s"})

    def _standby(self, _: Moment) -> Values:
        return {("database_lag_s", "all"): {"all": self.lag_s}}

    # -- what lives -------------------------------------------------------------------------------------------------------
    def _live(self, at: datetime) -> None:
        now = clock.now()
        for place, (node, engine) in enumerate(zip(self.nodes, self.engines, strict=True)):
            silent = self.broken and place > 0
            full = self.broken and place == 0
            if not (self.broken and place == 1):
                report = {"cpu_percent": 97, "memory_percent": 96, "disk_free_bytes": 3, "files_open": 90} if full else \
                         {"cpu_percent": 20, "memory_percent": 40, "disk_free_bytes": 60, "files_open": 10}  # fmt: skip
                fixed = {"at": now, "agent_pid": 1, "load_1m": 1, "disk_total_bytes": 100, "cores": 4, "files_limit": 100}
                NodeReport.objects.update_or_create(node=node, defaults=report | fixed)
            if not silent:
                AgentBeat.objects.update_or_create(node=node, defaults={"at": now, "pid": 1})
                Engine.objects.filter(pk=engine.pk).update(renewed_at=now)
        if not self.broken:
            WatcherBeat.objects.update_or_create(zone=self.house.node.zone, defaults={"at": now, "pid": 1, "longest_gap_ms": 100})
            ClusterBeat.objects.update_or_create(name="jobs", defaults={"at": now, "pid": 1, "workers": 1, "reborn": 0})
        elif not Task.objects.filter(success=False).exists():
            for n in range(7):
                Task.objects.create(id=str(n), name=str(n), func="a", started=at - TICK, stopped=at - timedelta(seconds=3), success=False)

    def _send(self, at: datetime) -> None:
        """What engines write of ten seconds' mail: of a hundred messages, at a good or at a bad moment."""
        bad = 1 if self.broken else 0
        path = {"attempted": 100, "delivered": 98 - 90 * bad, "deferred": 2 + 88 * bad, "connects": 10 - 7 * bad, "tls_errors": 7 * bad}
        other = {"attempted": 100, "delivered": 100 - 90 * bad, "blocked": 90 * bad, "bounced_infrastructure": 90 * bad, "connects": 10}
        for provider, counts in ((self.provider, path), (self.other, other)):
            _add(PathMinute, counts, ip_id=self.ips[0].pk, provider_id=provider.pk, minute=beginning(at, 60))
        stream = self.house.streams[Purpose.MARKETING]
        named = {"tenant_id": self.house.tenant.pk, "purpose": 2, "pool_id": self.house.pool.pk, "provider_id": self.provider.pk}
        said = {"attempted": 200, "delivered": 200 - 100 * bad, "bounced": 100 * bad, "complaints": 10 * bad}
        _add(StreamMinute, said, stream_id=stream.pk, minute=beginning(at, 60), **named)

    def _remember(self) -> None:
        """A week of good hours, which rules compare with."""
        everything, provider = (MetricSubject.objects.create(dimension=of, key=key, label=key) for of, key in (("all", "all"), ("provider", self.provider.pk)))
        said = (("queue_ready", everything, 100.0), ("attempted", provider, 1000.0), ("deferred", provider, 20.0))
        hours = [(metric, subject.dimension, [subject.pk], [value]) for metric, subject, value in said]
        MetricHour.objects.bulk_create(
            MetricHour(metric=metric, dimension=dimension, at=beginning(self.start, 3600) - timedelta(hours=n), subjects=ids, values=values)
            for n in range(1, 8 * 24) for metric, dimension, ids, values in hours
        )  # fmt: skip

    # -- what is made wrong, and mended ---------------------------------------------------------------------------------------
    def break_everything(self, at: datetime) -> None:
        self.broken = True
        early = clock.now() - timedelta(minutes=2)
        AgentBeat.objects.filter(node__in=self.nodes[1:]).update(at=early)
        WatcherBeat.objects.update(at=early)
        ClusterBeat.objects.update(at=early)
        with connection.cursor() as cursor:
            for purpose, count, age in ((0, 2_500, "10 min"), (1, 10, "40 min"), (2, 20_500, "25 h")):
                of = {"tenant": self.house.tenant.pk, "pool": self.house.pool.pk, "provider": self.provider.pk}
                cursor.execute(_READY, of | {"purpose": purpose, "count": count, "age": age})
            cursor.execute("ANALYZE delivery_ready")
        SendingPath.objects.filter(pk=self.paths[0].pk).update(open_connections=20, updated_at=clock.now())
        SendingIP.objects.filter(pk=self.ips[7].pk).update(state="quarantined")
        SendingPath.objects.filter(pk__in=[path.pk for path in self.paths[1:6]]).update(state="quarantined")
        Listing.objects.create(ip=self.ips[0], zone="zen.example", severity="critical", said="critical", listed_since=at, last_seen_at=at)
        self._hold(at)
        DrillSchedule.objects.update_or_create(pk=1, defaults={"overdue_days": 7})
        DrillPolicy.objects.filter(planned=True).update(next_at=at - timedelta(days=30))
        self._show(days=2.5)
        Endpoint.objects.filter(pk=self.api.pk).update(state="down")
        OrmQ.objects.create(key="jobs", payload="", lock=timezone.now() - timedelta(minutes=8))
        some = message_id(1)
        late = {"kind": "message.delivered", "at": at, "due_at": clock.now() - timedelta(minutes=15)}
        ids = dict.fromkeys(("webhook_id", "message_id", "delivery_id", "source_id"), some)
        WebhookEvent.objects.create(tenant_id=self.house.tenant.pk, endpoint_id=self.hook.pk, **ids, **late)
        self._crowd()
        self.lag_s = 45.0
        DomainCheck.objects.create(domain=self.house.domain, kind="dkim", answer="wrong", sentence="It is gone.", checked_at=at, since=at, wrong_times=2)

    def mend_everything(self, at: datetime) -> None:
        self.broken = False
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM delivery_ready")
            cursor.execute("ANALYZE delivery_ready")
        SendingPath.objects.update(open_connections=2, state="open", updated_at=clock.now())
        SendingIP.objects.update(state="active")
        Listing.objects.update(cleared_at=at)
        Warmup.objects.all().delete()
        DrillPolicy.objects.update(next_at=at + timedelta(days=60))
        self._show(days=90)
        Endpoint.objects.filter(pk=self.api.pk).update(state="up")
        OrmQ.objects.all().delete()
        WebhookEvent.objects.all().delete()
        for one in self.open:
            one.close()
        self.lag_s = 0.0
        DomainCheck.objects.update(answer="right", wrong_times=0)

    def _hold(self, at: datetime) -> None:
        plan = WarmupPlan.objects.order_by("pk").first() or WarmupPlan.objects.create(name="plan", title="A plan", daily=[50, 100])
        warmup = Warmup.objects.create(path=self.paths[0], ip=self.ips[0], provider=self.provider, plan=plan, state="warming", cap_per_day=50, cap_per_hour=5,
                                       started_at=at, stage_since=at, counted_from=at, decisions=1)  # fmt: skip
        WarmupDecision.objects.create(warmup=warmup, number=1, kind="hold", at=at, sentence="Deferrals.", stage_before=1, stage_after=1)

    def _crowd(self) -> None:
        """Real connections; the rule's number lies among them, for the limit itself belongs to other tests too."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT (SELECT sum(numbackends) FROM pg_stat_database)::float8, current_setting('max_connections')::float8")
            there, most = cursor.fetchone()
        AlertRule.objects.filter(shipped="database-connections").update(threshold=(there + 15) / most, clear=(there + 10) / most)
        self.open = [connect() for _ in range(30)]

    def _show(self, days: float) -> None:
        self.door.show(self.folder, days)
        self.certificates.look(doors_of_here())


def _add(model: Any, counts: dict[str, int], **key: Any) -> None:
    row, is_new = model.objects.get_or_create(**key, defaults=counts)
    if not is_new:
        for name, count in counts.items():
            setattr(row, name, getattr(row, name) + count)
        row.save()


class _Speaker(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        try:
            with self.server.context.wrap_socket(self.request, server_side=True) as secured:  # type: ignore[attr-defined]
                secured.recv(1)
        except OSError:
            pass


class _Door:
    """A real TLS server that shows a certificate of so many days."""

    def __init__(self, folder: Path) -> None:
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Speaker)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.show(folder, 90)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def show(self, folder: Path, days: float) -> None:
        key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
        now = clock.now()
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        signed = made.not_valid_before(now - timedelta(days=300)).not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())
        text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file = folder / "door.pem"
        file.write_bytes(text + signed.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        self._server.context = context  # type: ignore[attr-defined]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
