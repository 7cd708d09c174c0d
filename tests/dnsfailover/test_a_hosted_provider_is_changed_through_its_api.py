"""Hosted providers, by dns-lexicon's PowerDNS provider against that API on loopback: what is made, what is never done, what is said of errors."""

import json
import logging
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from typing import Any

import pytest

from mailplatform.shell.models import Notice
from mailplatform.shell.secrets import encrypt
from monitoring.dns import hosted, provider
from monitoring.dns.destination import Destination, Outcome, Wanted
from monitoring.dns.models import DnsChange, RecordSet
from monitoring.dns.provider import IN_THE_WAY, REFUSED, TAKEN, UNKNOWN, Order
from tests.console.conftest import as_role
from tests.console.conftest import world as console_world
from tests.dnsfailover.named import ZONE, Named
from tests.dnsfailover.powerdns import KEY, PowerDns
from tests.dnsfailover.rig import Shop, dns_zone, endpoint, flying, looking, policy, record_set, until

__all__ = ["as_role", "console_world"]
pytest.importorskip("lexicon")
NAME = f"api.{ZONE}"
A, B, C = "127.0.0.5", "127.0.0.6", "127.0.0.7"


@pytest.fixture
def api() -> Any:
    with PowerDns() as running:
        yield running


@pytest.fixture
def world(console_world: Any) -> Any:
    return console_world


def order(api: PowerDns, before: tuple[str, ...] | None, *after: str, **fields: Any) -> Order:
    return replace(Order("powerdns", ZONE, json.loads(api.secret), NAME, "A", 30, before, after), **fields)


def destination(api: PowerDns, secret: str = "") -> Destination:
    return Destination(ZONE, "lexicon", "", 53, "", "", "powerdns", 3.0, secret or api.secret)


def test_what_is_not_there_is_made_and_what_is_there_is_replaced_and_never_is_it_empty(api: PowerDns) -> None:
    assert provider.carry_out(order(api, (), A, B)) == (TAKEN, "")
    assert provider.carry_out(order(api, (A, B), B, C)) == (TAKEN, "")
    assert provider.carry_out(order(api, (B, C), A)) == (TAKEN, "")
    assert api.values(NAME) == {A}
    assert all(api.history) and len(api.history) == 7


def test_the_same_again_changes_nothing(api: PowerDns) -> None:
    api.holds(NAME, "A", A)
    assert provider.carry_out(order(api, (B,), A)) == (TAKEN, "") == provider.carry_out(order(api, None, A))
    assert api.history == []


def test_what_somebody_else_put_there_is_left_alone(api: PowerDns) -> None:
    for there in ([C], [A, C], [B, C]):
        api.holds(NAME, "A", *there)
        assert provider.carry_out(order(api, (A,), B))[0] == IN_THE_WAY
    assert api.history == []
    assert provider.carry_out(order(api, None, B)) == (TAKEN, ""), "a person's word overwrites it"


def test_what_was_left_half_way_is_gone_on_with(api: PowerDns) -> None:
    api.holds(NAME, "A", A)
    api.answers["PATCH"] = [200, 503]  # the new value is made; the old one cannot be taken away
    assert provider.carry_out(order(api, (A,), B))[0] == UNKNOWN
    assert api.values(NAME) == {A, B}
    assert provider.carry_out(order(api, (A,), B)) == (TAKEN, "")
    assert api.values(NAME) == {B}


def test_an_empty_set_is_refused(api: PowerDns) -> None:
    api.holds(NAME, "A", A)
    assert provider.carry_out(order(api, (A,)))[0] == REFUSED
    assert api.values(NAME) == {A}


def test_a_value_that_stands_alone_keeps_its_ttl(api: PowerDns) -> None:
    """This provider's update is a deletion first."""
    api.holds(NAME, "A", A, ttl_s=3600)
    assert provider.carry_out(order(api, None, A)) == (TAKEN, "the provider keeps a TTL of 3600 s")
    assert api.history == []


def test_other_sets_of_the_zone_stay_as_they_are(api: PowerDns) -> None:
    api.holds(f"www.{ZONE}", "A", C)
    api.holds(NAME, "AAAA", "2001:db8::1")
    provider.carry_out(order(api, (), A))
    assert api.values(f"www.{ZONE}") == {C}
    assert api.values(NAME, "AAAA") == {"2001:db8::1"}


def test_mx_is_published_with_its_preference_where_that_is_known_to_work(api: PowerDns) -> None:
    mx = f"10 mx1.{ZONE}."
    assert provider.carry_out(order(api, (), mx, name=ZONE, kind="MX")) == (TAKEN, "")
    assert api.values(ZONE, "MX") == {mx}
    assert provider.carry_out(order(api, (), mx, kind="MX", provider="cloudflare")) == (
        REFUSED, "MX sets are not published through the API of cloudflare: use RFC 2136",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "outcome", "words"),
    [
        ({"options": {"auth_token": "wrong", "pdns_server": "{url}"}}, REFUSED, "does not take the secret, or not for this zone (401)"),
        ({"provider": "nobody"}, REFUSED, "dns-lexicon knows no provider 'nobody'"),
        ({"zone": "other.test"}, UNKNOWN, "404 Client Error"),
        ({"options": {"auth_token": KEY, "pdns_server": "http://127.0.0.1:9"}}, UNKNOWN, "Connection refused"),
        ({"options": {"auth_token": KEY}}, UNKNOWN, "PowerDNS API endpoint not defined"),
    ],
)
def test_errors_are_said_in_words(api: PowerDns, changed: dict[str, Any], outcome: str, words: str) -> None:
    url = json.loads(api.secret)["pdns_server"]
    if "options" in changed:
        changed = {"options": {name: value.replace("{url}", url) for name, value in changed["options"].items()}}
    found = provider.carry_out(replace(order(api, (), A), **changed))
    assert found[0] == outcome
    assert words in found[1]


def test_one_that_hangs_is_given_up_and_its_process_is_gone(api: PowerDns) -> None:
    api.answers["GET"] = [0]
    found = hosted.push(destination(api), Wanted(NAME, "A", 30, (), (A,)), within_s=2.0)
    assert (found.outcome, found.says) == (Outcome.UNKNOWN, "powerdns: no answer within 2 s")
    assert api.asked, "it got so far"
    assert api.values(NAME) == set()


def test_its_process_ends_by_itself_when_nobody_waits_for_it_any_more(api: PowerDns) -> None:
    api.answers["GET"] = [0]
    asked = json.dumps(asdict(order(api, (), A, within_s=1.0)))
    ended = subprocess.run([sys.executable, "-m", "monitoring.dns.provider"], input=asked, text=True, capture_output=True, timeout=25)
    assert (ended.returncode, ended.stdout) == (-signal.SIGALRM, "")


def test_a_secret_in_an_address_is_not_said() -> None:
    said = "403 for url: https://dns.example/api?user=anna&key=s3cret%2Fw&account=anna"
    shown = hosted.without_secrets(said, {"auth_key": "s3cret/w", "auth_username": "anna", "endpoint": "https://dns.example/api"})
    assert shown == "403 for url: https://dns.example/api?user=…&key=…&account=…"


def test_a_name_fails_over_through_the_api_and_nothing_shows_the_secret(
    named: Named, as_role: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The whole way: doors, vantage points, pilot, a process for each change, a real authoritative server that is asked."""
    caplog.set_level(logging.DEBUG)
    policy(every_ms=100, recover_s=0, up_after=2)
    one, two = Shop(), Shop()
    with PowerDns(lambda name, kind, values, ttl_s: named.edit(name, kind, *values, ttl_s=ttl_s)) as api:
        wrong = json.dumps(json.loads(api.secret) | {"auth_token": "wr0ng-s3cret"})
        zone = dns_zone(named, way="lexicon", provider="powerdns", key_name="", secret_encrypted=encrypt(wrong.encode()))
        row = record_set(zone, {A: (endpoint("one", one), 0), B: (endpoint("two", two), 1)})
        with looking("north", "south", "witness"), flying():
            notice = until(lambda: Notice.objects.filter(kind="dns_trouble", cleared_at=None).first(), "a wrong secret is told")
            assert "does not take the secret" in notice.sentence
            zone.secret_encrypted = encrypt(api.secret.encode())
            zone.save()
            until(lambda: named.says(NAME) == {A}, "the first publication")
            one.shut()
            until(lambda: named.says(NAME) == {B}, "it has moved")
            until(lambda: DnsChange.objects.filter(record_set=row, kind="failover", state="visible").exists(), "and was seen at its server")
        pages = [as_role("administrator").get(address).content.decode() for address in ("/dns/", f"/dns/{row.pk}/", "/")]
    two.shut()
    assert all(api.history), "never empty"
    rows = str([list(model.objects.values_list()) for model in (RecordSet, DnsChange, Notice)])
    for secret in (KEY, "wr0ng-s3cret"):
        assert secret not in rows
        assert secret not in "".join(pages)
        assert secret not in caplog.text
