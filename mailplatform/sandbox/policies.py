"""What domains of the simulated world ask of senders' TLS: MTA-STS records and policy files, TLSA records.

data/places.json says which: `mta_sts` (mode, mx, max_age, and how its web server misbehaves) and `dane` (the form of the TLSA record).
Promises: a policy file is served by HTTPS for mta-sts.<domain> alone; the DNS calls names of `dane` places signed, when it is asked.
"""

import asyncio
from typing import Any

from .names import Site, normal, site_of
from .web import Request, Response

ADDRESS = "127.20.0.3"  # of the one web server that has all policies
PATH = "/.well-known/mta-sts.txt"
_SILENT_FOR_S = 60.0


def policy_of(domain: str) -> dict[str, Any] | None:
    """The policy of a mail domain, as its place says."""
    site = site_of(domain)
    found = site.place.get("mta_sts") if site is not None and not domain.startswith(("mta-sts.", "_")) else None
    return dict(found) if found else None


def policy_text(domain: str, policy: dict[str, Any]) -> str:
    """RFC 8461 §3.2."""
    hosts = "".join(f"mx: {host.format(domain=domain)}\r\n" for host in policy["mx"])
    return f"version: STSv1\r\nmode: {policy['mode']}\r\n{hosts}max_age: {policy.get('max_age', 86400)}\r\n"


def policy_records(name: str) -> dict[str, list[str]] | None:
    """What the DNS says of _mta-sts.<domain> and mta-sts.<domain>; None for any other name."""
    label, _, domain = name.partition(".")
    if label not in ("_mta-sts", "mta-sts") or (policy := policy_of(domain)) is None:
        return None
    return {"A": [ADDRESS]} if label == "mta-sts" else {"TXT": [f'"v=STSv1; id={policy.get("id", "1")};"']}


def signed(site: Site | None) -> bool:
    """Whether its names are in a signed zone."""
    return site is not None and "dane" in site.place


class PolicyFiles:
    """The web server's handler."""

    async def answer(self, request: Request) -> Response:
        domain = normal(request.headers.get("host", "")).partition(":")[0].removeprefix("mta-sts.")
        policy = policy_of(domain)
        if policy is None or request.path != PATH:
            return Response(b"Not found\n", "text/plain", 404)
        match policy.get("web"):
            case "silent":
                await asyncio.sleep(_SILENT_FOR_S)
            case "gone":
                return Response(b"Not found\n", "text/plain", 404)
            case "html":
                return Response(policy_text(domain, policy).encode(), "text/html; charset=utf-8")
        return Response(policy_text(domain, policy).encode(), "text/plain")
