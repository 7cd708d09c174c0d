"""`bin/manage route set DOMAIN HOST:PORT`: an operator's word on where a domain's mail goes, as soon as engines look again."""

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh


def test_a_route_takes_a_domains_mail_and_gives_it_back(platform: Platform) -> None:
    domain = f"{fresh()}.postfix.test"
    assert _host_of(platform, domain) == f"mx1.{domain}"
    port = platform.sandbox_smtp_port()
    said = platform.manage("route", "set", domain, f"127.20.0.2:{port}", "--tls", "required")
    assert domain in said
    wait_until(lambda: _host_of(platform, domain) == "mx1.anydomain.test", 40, "its mail went to the smarthost")
    platform.manage("route", "remove", domain)
    wait_until(lambda: _host_of(platform, domain) == f"mx1.{domain}", 40, "its mail went to its MX again")


def test_a_routed_domain_needs_no_dns(platform: Platform) -> None:
    """Mail for a name that only the company's own relay knows: DNS is not asked for leave."""
    domain = f"{fresh()}.nxdomain.test"
    platform.manage("route", "set", domain, f"127.20.0.2:{platform.sandbox_smtp_port()}", "--tls", "required")
    try:
        wait_until(lambda: _ended(platform, domain) == "delivered", 40, "its mail went to the smarthost")
    finally:
        platform.manage("route", "remove", domain)


def _ended(platform: Platform, domain: str) -> str:
    message = platform.send(f"{fresh()}@{domain}")
    wait_until(lambda: platform.delivery(message)["state"] in ("delivered", "bounced"), 20, "it ended")
    return str(platform.delivery(message)["state"])


def _host_of(platform: Platform, domain: str) -> str:
    delivery = platform.until(platform.send(f"{fresh()}@{domain}"), "delivered")
    return str(platform.arrived(delivery["id"])[0]["mx_host"])
