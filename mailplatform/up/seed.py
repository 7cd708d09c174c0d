"""What a new installation starts with: its first operator, and in the sandbox a demo world.

Owns: DATA/demo.json (one login, one tenant's key), DATA/demo-keys.json (every demo tenant's key, for demo traffic),
DATA/sandbox/zones.json (what the simulated DNS says about the demo world); mode 0600. Promises: running it again changes nothing that an
operator has changed since, and gives back what was lost (a deleted demo.json gets a new password and key). Never in live
mode: a demo tenant, a stored password.
"""

import json
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from delivery.domains.simulated import published
from delivery.sign.dkim import make_key as make_dkim_key
from delivery.webhooks.endpoints import create as create_webhook
from delivery.webhooks.models import WebhookEndpoint
from mailplatform.shell.clock import now
from mailplatform.shell.private_file import write_private
from mailplatform.shell.secrets import encrypt
from mailplatform.tenants.keys import make_key
from mailplatform.tenants.models import DOMAIN, ApiKey, DkimKey, SendingDomain, Tenant, User
from mailplatform.up.history import make_history
from mailplatform.up.telling_demo import demo_channel
from pools.failover.policy import install as install_failover
from pools.models import Node, Pool, PoolMember, SendingIP, Stream, Zone
from pools.neighbours.policy import install as install_policy
from pools.purposes import Purpose
from pools.reputation.policy import install as install_reputation

OPERATOR = "operator@platform.example"
PLATFORM_DOMAIN = "platform.example"
KEY_NAME = "demo"
HEARS, DEMO_WEBHOOK = "fieldnotes", "The sandbox's own page of webhooks"
FLAWED_OF, FLAWED_DOMAIN = "fieldnotes", "paperboat.example"  # shows what the page of a domain says of mistakes

ZONES = {"north": 1, "south": 2}
IPS_PER_NODE = 4
# Which of a node's four sending IPs a pool has: (zone's number, IP's number); in a hybrid pool the second list is cover.
SHARED = {
    "shared-transactional": [(1, 1), (2, 1), (2, 2)],
    "shared-notification": [(1, 2), (2, 2)],
    "shared-marketing": [(1, 2), (2, 3)],
}


@dataclass(frozen=True, slots=True)
class DemoTenant:
    name: str
    title: str
    domain: str
    pools: tuple[str, str, str]  # by purpose


TENANTS = (
    DemoTenant("harbour", "Harbour Bank", "harbourbank.example", ("harbour", "shared-notification", "shared-marketing")),
    DemoTenant("lumen", "Lumen", "lumen.example", ("shared-transactional", "lumen", "lumen")),
    DemoTenant("fieldnotes", "Field Notes", "fieldnotes.example", ("shared-transactional", "shared-notification", "shared-marketing")),
)


def everything(data: Path) -> None:
    install_failover()
    install_policy()
    install_reputation()
    if settings.MAIL_MODE == "live":
        live_start()
    else:
        with transaction.atomic():
            demo_platform()
            demo_tenants()
        demo_channel()
        make_history()
        demo_access(data)
        write_private(data / "sandbox" / "zones.json", json.dumps(simulated_dns(), indent=1, sort_keys=True))


def live_start() -> None:
    """A zone, this machine as its node, the shared pools, and an operator whose password is told once and kept nowhere."""
    with transaction.atomic():
        if not Zone.objects.exists():
            node = Node.objects.create(zone=Zone.objects.create(name="main", title="Main"), name=_host_slug())
            for name in SHARED:
                Pool.objects.get_or_create(name=name)
            _own_address(node)
        if not User.objects.filter(role=User.Role.ADMINISTRATOR).exists():
            password = new_password()
            User.objects.create_superuser(OPERATOR, password)
            print(f"The first operator: {OPERATOR}, password {password} (told only now: keep it, then change it)", flush=True)


def demo_platform() -> None:
    """Zones, nodes, sending IPs and pools."""
    for zone_name, number in ZONES.items():
        zone, made = Zone.objects.get_or_create(name=zone_name, defaults={"title": zone_name.title()})
        node, _ = Node.objects.get_or_create(name=f"{zone_name}-1", defaults={"zone": zone}) if made else (zone.nodes.first(), False)
        if made and node:
            for ip in range(1, IPS_PER_NODE + 1):
                ehlo_name = f"mta-{number}{ip}.{node.name}.{PLATFORM_DOMAIN}"
                SendingIP.objects.get_or_create(address=f"127.10.{number}.{ip}", defaults={"node": node, "ehlo_name": ehlo_name})
    for name, members in SHARED.items():
        _pool(name, members)


def demo_tenants() -> None:
    """Three tenants; one has a dedicated pool, one a hybrid."""
    made = {tenant.name: Tenant.objects.get_or_create(name=tenant.name, defaults={"title": tenant.title, "is_simulated": True}) for tenant in TENANTS}
    _pool("harbour", [(1, 4), (2, 4)], kind=Pool.Kind.DEDICATED, tenant=made["harbour"][0], fallback="shared-transactional")
    _pool("lumen", [(1, 3)], cover=[(1, 2), (2, 2)], kind=Pool.Kind.HYBRID, tenant=made["lumen"][0], fallback="shared-marketing")
    demo_webhook(*made[HEARS])
    for description in TENANTS:
        tenant, is_new = made[description.name]
        if is_new:
            _streams(tenant, description.pools)
            _domain(tenant, description.domain)
            if description.name == FLAWED_OF:
                _domain(tenant, FLAWED_DOMAIN, return_path_host=f"bounces.{FLAWED_DOMAIN}")


def demo_webhook(tenant: Tenant, is_new: bool) -> None:
    """A tenant that hears what befalls its mail: the sandbox shows it at /hooks. Its address follows the sandbox's port."""
    url = f"{settings.SANDBOX_URL}/hooks/{tenant.name}"
    if settings.SANDBOX_URL and is_new:
        create_webhook(tenant, {"url": url, "description": DEMO_WEBHOOK})
    elif settings.SANDBOX_URL:
        WebhookEndpoint.objects.filter(tenant=tenant, description=DEMO_WEBHOOK).update(url=url)


def demo_access(data: Path) -> None:
    """demo.json and demo-keys.json: written when a login or key is made, which is when one of the files is missing."""
    demo, keys = data / "demo.json", data / "demo-keys.json"
    known = _read(demo), _read(keys)
    if known[0] and known[1] and known[0].get("url") == settings.PUBLIC_URL:
        return
    plain = known[1] or {tenant.name: _new_key(tenant.name) for tenant in TENANTS}
    write_private(keys, json.dumps(plain, indent=1))
    first = TENANTS[0]
    password = known[0].get("operator", {}).get("password") or _new_operator_password()
    contents = {
        "url": settings.PUBLIC_URL,
        "operator": {"email": OPERATOR, "password": password},
        "tenant": {"name": first.name, "domain": first.domain, "api_key": plain[first.name]},
    }
    write_private(demo, json.dumps(contents, indent=1) + "\n")


def simulated_dns() -> dict[str, dict[str, list[str]]]:
    """What the sandbox's DNS answers about us: names of the sending IPs both ways, and the sending domains' mail records."""
    zones: dict[str, dict[str, list[str]]] = {}
    addresses = []
    for ip in SendingIP.objects.filter(address__startswith="127."):
        addresses.append(f"ip4:{ip.address}")
        zones.setdefault(ip.ehlo_name, {}).setdefault("A", []).append(str(ip.address))
        zones[".".join(reversed(str(ip.address).split("."))) + ".in-addr.arpa"] = {"PTR": [ip.ehlo_name]}
    spf = " ".join(["v=spf1", *addresses, "-all"])
    zones[settings.RETURN_PATH_DOMAIN] = {"TXT": [spf], "MX": [f"10 {settings.INCOMING_NAME}"]}
    zones[settings.INCOMING_NAME] = {"A": ["127.0.0.1"]}
    for domain in SendingDomain.objects.exclude(verified_at=None):
        zones |= published(domain)
        zones.setdefault(domain.name, {}).setdefault("TXT", []).append(spf)
        zones[f"_dmarc.{domain.name}"] = {"TXT": [f"v=DMARC1; p=reject; rua=mailto:dmarc@{PLATFORM_DOMAIN}"]}
    return zones | _flaws()


def _flaws() -> dict[str, dict[str, list[str]]]:
    """What the demo's flawed domain has wrong: no DMARC, a return path whose SPF names others, another key in place of one."""
    name = FLAWED_DOMAIN
    if not SendingDomain.objects.filter(name=name).exists():
        return {}
    return {
        name: {"TXT": ["v=spf1 include:spf.former-provider.example -all"]},
        f"_dmarc.{name}": {"TXT": ["This is where a DMARC record would be"]},
        f"bounces.{name}": {"TXT": ["v=spf1 include:spf.former-provider.example -all"], "MX": ["10 mx1.former-provider.example"]},
        "spf.former-provider.example": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]},
        f"mp2._domainkey.{name}": {"TXT": ["v=DKIM1; k=ed25519; p=ZmV0Y2hlZCBmcm9tIHNvbWVib2R5IGVsc2VzIGRlbW8="]},
    }


def new_password() -> str:
    return secrets.token_urlsafe(15)


def _pool(name: str, members: list[tuple[int, int]], *, cover: list[tuple[int, int]] | None = None, kind: str = Pool.Kind.SHARED,
          tenant: Tenant | None = None, fallback: str = "") -> None:  # fmt: skip
    pool, made = Pool.objects.get_or_create(name=name, defaults={"kind": kind, "tenant": tenant, "fallback": Pool.objects.filter(name=fallback).first()})
    if not made:
        return
    for own, places in ((True, members), (False, cover or [])):
        for zone, number in places:
            PoolMember.objects.create(pool=pool, ip=SendingIP.objects.get(address=f"127.10.{zone}.{number}"), own=own)


def _streams(tenant: Tenant, pools: tuple[str, str, str]) -> None:
    for purpose, pool in zip(Purpose, pools, strict=True):
        Stream.objects.create(tenant=tenant, name=purpose.label, purpose=purpose, pool=Pool.objects.get(name=pool), is_default=purpose == Purpose.TRANSACTIONAL)


def _domain(tenant: Tenant, name: str, **fields: str) -> None:
    domain = SendingDomain.objects.create(tenant=tenant, name=name, verified_at=now(), **fields)
    for selector, algorithm in (("mp1", DkimKey.Algorithm.RSA), ("mp2", DkimKey.Algorithm.ED25519)):
        private, public = make_dkim_key(algorithm)
        key: dict[str, Any] = {"private_encrypted": encrypt(private), "public_record": public, "activated_at": now()}
        DkimKey.objects.create(domain=domain, selector=selector, algorithm=algorithm, **key)


def _new_key(tenant: str) -> str:
    """A key in place of the one that nobody knows any more."""
    ApiKey.objects.filter(tenant__name=tenant, name=KEY_NAME, revoked_at=None).update(revoked_at=now())
    return make_key(Tenant.objects.get(name=tenant), KEY_NAME)[1]


def _new_operator_password() -> str:
    password = new_password()
    user = User.objects.filter(email=OPERATOR).first()
    if user is None:
        User.objects.create_superuser(OPERATOR, password, name="First operator")
    else:
        user.set_password(password)
        user.save(update_fields=["password"])
    return password


def _own_address(node: Node) -> None:
    """The address that this machine reaches the world from, if it has a name that can be said in EHLO."""
    name = socket.getfqdn().lower()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # documentation address (RFC 5737); a UDP connect sends nothing
            address = probe.getsockname()[0]
        DOMAIN(name)
    except Exception:
        print("Add this machine's sending IPs in the console: its address or its full name is not known here.", flush=True)
        return
    ip = SendingIP.objects.create(node=node, address=address, ehlo_name=name)
    for pool in Pool.objects.filter(name__in=SHARED):
        PoolMember.objects.create(pool=pool, ip=ip)


def _host_slug() -> str:
    name = "".join(c if c.isalnum() and c.isascii() else "-" for c in socket.gethostname().partition(".")[0].lower()).strip("-")
    return name[:40] or "node-1"


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError):
        return {}
