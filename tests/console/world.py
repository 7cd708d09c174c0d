"""A small platform with a past: tenants, people of every role, pools, providers, and one delivery in each state.

Rows are written as the engine and the API write them, so that the pages show what they will show.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from delivery.models import Attempt, Body, Claimed, Delivery, Engine, Event, IpLease, Message, Ready, Waiting
from mailplatform.shell.clock import now
from mailplatform.shell.ids import attempt_id, delivery_id, id_time_ms, message_id, time_ordered_id
from mailplatform.tenants.models import ApiKey, SendingDomain, Tenant, User
from pools.models import DomainProvider, Node, Path, PathMinute, Pool, PoolMember, Provider, ResponseRule, SendingIP, Stream, StreamMinute, Zone
from pools.purposes import Purpose

PASSWORD = "correct horse battery staple"
REPLY = "250 2.6.0 <0193a5f2@harbourbank.example> [InternalId=4482911] Queued mail for delivery"
NO_SUCH = "550 5.1.1 The email account that you tried to reach does not exist."
HTML = '<html><body><h1 style="color:teal">Your sign-in code</h1><script>top.pwned = 1</script><img src="https://tracker.example/p.gif"></body></html>'
MIME = (
    "From: Harbour Bank <codes@harbourbank.example>\r\nSubject: Your sign-in code\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nYour code is 482 911.\r\n"
    f"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{HTML}\r\n--b--\r\n"
).encode()


@dataclass
class World:
    tenants: dict[str, Tenant] = field(default_factory=dict)
    people: dict[str, User] = field(default_factory=dict)
    ips: list[SendingIP] = field(default_factory=list)
    pools: dict[str, Pool] = field(default_factory=dict)
    providers: dict[str, Provider] = field(default_factory=dict)
    streams: dict[tuple[str, int], Stream] = field(default_factory=dict)
    domains: dict[str, SendingDomain] = field(default_factory=dict)
    deliveries: dict[str, UUID] = field(default_factory=dict)
    engine: Engine | None = None


def make_world(history: bool = False) -> World:
    """Everything; with `history` also an hour of minutes."""
    world = World()
    _who(world)
    _ways(world)
    _one_of_each(world)
    if history:
        _last_hour(world)
    return world


def add_message(
    world: World, tenant: str = "harbour", subject: str = "Your sign-in code", recipients: tuple[str, ...] = ("anna@gmail.com",), *,
    purpose: int = Purpose.TRANSACTIONAL, age_s: float = 60, tags: tuple[str, ...] = ("login",), mime: bytes = MIME, final: str | None = None,
    sender: str = "Harbour Bank <codes@harbourbank.example>", provider: str = "google", reply: str = "", reason: str = "",
) -> list[UUID]:  # fmt: skip
    """A message; its deliveries are final, or in no queue table yet. Gives their ids."""
    at = now() - timedelta(seconds=age_s)
    id_ = message_id(int(at.timestamp() * 1000))
    stream = world.streams[tenant, purpose]
    Body.objects.create(id=id_, mime=mime, head_length=mime.index(b"\r\n\r\n") + 2, body_hash=b"")
    Message.objects.create(
        id=id_, tenant_id=world.tenants[tenant].pk, stream_id=stream.pk, pool_id=stream.pool_id, purpose=purpose, body_id=id_,
        domain_id=world.domains[tenant].pk, sender=sender, subject=subject, recipients=len(recipients), size_bytes=len(mime), tags=list(tags),
        submitted_by="hb_live_7Q", created_at=at, expires_at=at + timedelta(days=1),
    )  # fmt: skip
    ids = [delivery_id(id_, n) for n in range(1, len(recipients) + 1)]
    Delivery.objects.bulk_create(
        Delivery(
            id=each, tenant_id=world.tenants[tenant].pk, recipient=recipient, final=final, reply=reply, reason=reason,
            provider_id=world.providers[provider].pk if final and provider else None, done_at=at + timedelta(milliseconds=670) if final else None,
        )
        for each, recipient in zip(ids, recipients, strict=True)
    )  # fmt: skip
    return ids


def add_attempt(world: World, delivery: UUID, number: int, verdict: str, reason: str, reply: str, **fields: object) -> Attempt:
    ip = fields.pop("ip", None) or world.ips[0]
    values = {
        "engine_id": world.engine.pk if world.engine else 1, "ip_id": ip.pk, "pool_id": world.pools["shared-transactional"].pk,
        "provider_id": world.providers["microsoft"].pk, "started_at": _made_at(delivery) + timedelta(milliseconds=232), "verdict": verdict, "reason": reason,
        "fault": "none" if verdict == "delivered" else "infrastructure", "phase": "body" if verdict == "delivered" else "rcpt", "code": int(reply[:3]),
        "enhanced": reply[4:].split(" ")[0][:12], "reply": reply, "mx_host": "brightfield-example.mail.protection.outlook.com", "mx_address": "127.20.1.4",
        "tls": "TLSv1.3 TLS_AES_256_GCM_SHA384 unverified", "connection_reused": True, "timings": {"envelope": 96, "body": 342},
        "why": {"w": 12, "s": 95, "h": 12, "e": "north-1/a", "o": [[world.ips[4].pk, "avoided", 97], [world.ips[1].pk, "full", 96, 5]]},
        **fields,
    }  # fmt: skip
    return Attempt.objects.create(id=attempt_id(delivery, number), **values)


def _made_at(delivery: UUID) -> datetime:
    return datetime.fromtimestamp(id_time_ms(delivery) / 1000, UTC)


def queue(model: type, world: World, delivery: UUID, tenant: str = "harbour", purpose: int = Purpose.TRANSACTIONAL, **fields: object) -> None:
    """Put a delivery into a queue table."""
    stream = world.streams[tenant, purpose]
    values = {
        "body_id": delivery, "tenant_id": world.tenants[tenant].pk, "stream_id": stream.pk, "domain_id": world.domains[tenant].pk, "pool_id": stream.pool_id,
        "provider_id": world.providers["google"].pk, "purpose": purpose, "ready_at": now() - timedelta(seconds=3), "recipient": "x@gmail.com",
        "size_bytes": 4800, "expires_at": now() + timedelta(days=1), **fields,
    }  # fmt: skip
    model.objects.create(id=delivery, **values)


def _who(world: World) -> None:
    for name, title in (("harbour", "Harbour Bank"), ("lumen", "Lumen"), ("fieldnotes", "Field Notes")):
        tenant = world.tenants[name] = Tenant.objects.create(name=name, title=title)
        host = "harbourbank.example" if name == "harbour" else f"{name}.example"
        world.domains[name] = SendingDomain.objects.create(tenant=tenant, name=host, verified_at=now())
        ApiKey.objects.create(tenant=tenant, name="demo", prefix=f"{name[:2]}_live_7Q", secret_hash="0" * 64, last_used_at=now() - timedelta(seconds=40))
    SendingDomain.objects.create(tenant=world.tenants["lumen"], name="news.lumen.example")
    for role in User.Role.values:
        of = world.tenants["harbour"] if role == "tenant" else None
        world.people[role] = User.objects.create_user(f"{role}@platform.example", PASSWORD, role=role, tenant=of)


def _ways(world: World) -> None:
    for number, zone_name in enumerate(("north", "south"), start=1):
        node = Node.objects.create(zone=Zone.objects.create(name=zone_name), name=f"{zone_name}-1")
        for n in range(1, 5):
            ehlo = f"mta-{number}{n}.{node.name}.platform.example"
            world.ips.append(SendingIP.objects.create(node=node, address=f"127.10.{number}.{n}", ehlo_name=ehlo))
    outlives_any_test = now() + timedelta(hours=1)
    world.engine = Engine.objects.create(node=world.ips[0].node, slot=0, pid=1, started_at=now(), renewed_at=outlives_any_test)
    for ip in world.ips[:3]:
        IpLease.objects.create(ip=ip, engine=world.engine, granted_at=now())
    for name, members in (("shared-transactional", (0, 4)), ("shared-notification", (1, 5)), ("shared-marketing", (2, 6))):
        pool = world.pools[name] = Pool.objects.create(name=name)
        for index in members:
            PoolMember.objects.create(pool=pool, ip=world.ips[index])
    harbour = Pool.objects.create(name="harbour", kind="dedicated", tenant=world.tenants["harbour"], fallback=world.pools["shared-transactional"])
    PoolMember.objects.create(pool=harbour, ip=world.ips[7])
    for key, name in (("google", "Gmail"), ("microsoft", "Microsoft 365"), ("yahoo", "Yahoo"), ("default", "Default")):
        facts = {"limits": {"connections_per_ip": {"value": 20}, "message_rate": {"value": "100/s"}}}
        world.providers[key] = Provider.objects.create(key=key, name=name, facts=facts, domains=[f"{key}.example"])
    DomainProvider.objects.create(domain="gmail.com", provider=world.providers["google"], sorted_at=now(), expires_at=now() + timedelta(days=1))
    ResponseRule.objects.create(id="m-busy", provider_group="microsoft", position=1, pattern=r"^451 4\.7\.500", reason="rate_limited.ip", disposition="retry")
    for index, (ip, provider) in enumerate((ip, provider) for ip in world.ips[:4] for provider in ("google", "microsoft")):
        limited = index == 3
        Path.objects.create(
            ip=ip, provider=world.providers[provider], score=58 if limited else 96, updated_at=now(), open_connections=2,
            suspended_until=now() + timedelta(minutes=4) if limited else None, why="451 4.7.500 Server busy, 112 times in 5 min" if limited else "",
            learned={"connections": 8} if limited else {},
        )  # fmt: skip
    for tenant in world.tenants:
        for purpose in Purpose:
            pool = world.pools[f"shared-{purpose.label}"]
            stream = Stream.objects.create(tenant=world.tenants[tenant], name=f"{purpose.label}-mail", purpose=purpose, pool=pool, is_default=purpose == 0)
            world.streams[tenant, purpose] = stream


def _one_of_each(world: World) -> None:
    made = world.deliveries
    orders = ("orders@brightfield.example",)
    [made["delivered"]] = add_message(world, recipients=orders, final="delivered", provider="microsoft", reply=REPLY, reason="accepted")
    add_attempt(
        world, made["delivered"], 1, "rerouted", "rate_limited.ip", "451 4.7.500 Server busy. Please try again later from [127.10.1.1]. (S77714)",
        rule="m-busy", timings={"envelope": 176}, ip=world.ips[4],
    )  # fmt: skip
    add_attempt(world, made["delivered"], 2, "delivered", "accepted", REPLY)
    [made["bounced"]] = add_message(
        world, "lumen", "Summer sale", ("nobody@gmail.com",), purpose=Purpose.MARKETING, age_s=300, final="bounced", reason="hard.invalid_mailbox",
        reply=NO_SUCH,
    )  # fmt: skip
    add_attempt(world, made["bounced"], 1, "suppressed", "hard.invalid_mailbox", NO_SUCH, fault="recipient")
    [made["cancelled"]] = add_message(world, "lumen", "Weekly letter", ("z@yahoo.com",), purpose=Purpose.MARKETING, age_s=400, final="cancelled", provider="")
    [made["suppressed"]] = add_message(world, subject="Statement", recipients=("gone@gmail.com",), age_s=500, final="suppressed", provider="")
    [made["expired"]] = add_message(world, subject="Old", recipients=("slow@small.example",), age_s=90_000, final="expired", reason="expired")
    [made["deferred"]] = add_message(world, "fieldnotes", "New comment", ("max@gmail.com",), purpose=Purpose.NOTIFICATION, age_s=200, tags=("comment", "web"))
    add_attempt(world, made["deferred"], 1, "deferred", "soft.greylist", "450 4.2.0 Greylisted, please try again later", fault="destination")
    due = now() + timedelta(minutes=4)
    queue(Waiting, world, made["deferred"], "fieldnotes", Purpose.NOTIFICATION, why="retry", due_at=due, attempts=1, tries=1, recipient="max@gmail.com")
    [made["held"]] = add_message(world, subject="Odd one", recipients=("crash@gmail.com",), age_s=150)
    queue(Waiting, world, made["held"], why="hold", scope="engines died twice with this delivery in their hands", crashes=2)
    [made["scheduled"]] = add_message(world, subject="Tomorrow", recipients=("t@gmail.com",), age_s=140)
    queue(Waiting, world, made["scheduled"], why="schedule", due_at=now() + timedelta(hours=9))
    [made["queued"]] = add_message(world, subject="Soon", recipients=("q@gmail.com",), age_s=5)
    queue(Ready, world, made["queued"], recipient="q@gmail.com")
    [made["sending"]] = add_message(world, subject="Now", recipients=("s@gmail.com",), age_s=2)
    queue(Claimed, world, made["sending"], engine_id=world.engine.pk if world.engine else 1, claimed_at=now())
    few = tuple(f"r{n}@gmail.com" for n in range(30))
    many = add_message(world, "lumen", "To a few", few, purpose=Purpose.NOTIFICATION, age_s=700, final="delivered", reply="250 OK")
    made["many"] = many[0]
    told = {"tenant_id": world.tenants["harbour"].pk, "kind": "complaint", "at": now(), "data": {"sentence": "by feedback loop"}}
    Event.objects.create(id=time_ordered_id(), delivery_id=made["delivered"], **told)


def _last_hour(world: World) -> None:
    base = now().replace(second=0, microsecond=0)
    paths = [
        PathMinute(ip_id=ip.pk, provider_id=world.providers[key].pk, minute=base - timedelta(minutes=n), attempted=40 + (n * 7 + ip.pk * 3) % 23,
                   delivered=38 + (n * 7 + ip.pk * 3) % 23, deferred=2)
        for ip in world.ips[:4] for key in ("google", "microsoft") for n in range(60)
    ]  # fmt: skip
    streams = [
        StreamMinute(stream_id=stream.pk, tenant_id=stream.tenant_id, purpose=purpose, pool_id=stream.pool_id, provider_id=world.providers["google"].pk,
                     minute=base - timedelta(minutes=n), attempted=50 + n % 9, delivered=49 + n % 9)
        for (_, purpose), stream in world.streams.items() for n in range(60)
    ]  # fmt: skip
    PathMinute.objects.bulk_create(paths)
    StreamMinute.objects.bulk_create(streams)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE pools_pathminute")
