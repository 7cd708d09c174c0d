"""The steward's round against the sandbox's block lists."""

import time
from datetime import timedelta

import pytest

from mailplatform.sandbox.aside import Aside
from mailplatform.shell.models import Notice
from pools.listings.models import DnsblZone, Listing, ListingPolicy
from pools.listings.round import ListingsRound
from pools.models import SendingIP
from tests.listings.conftest import Watch, open_listings, zone

ZEN, SPAMCOP = "zen.spamhaus.org", "bl.spamcop.net"
VICTIM = "127.10.1.4"


def notices(kind: str = "ip_listed") -> dict[str, int]:
    return dict(Notice.objects.filter(kind=kind, cleared_at=None).values_list("scope", "severity"))


def test_a_listing_opens_at_the_second_look_and_ends_at_the_second_clean_one(watch: Watch, well: Aside) -> None:
    watch.steps(2)
    assert open_listings() == {} and zone().health == "good"
    well.control({"action": "dnsbl_add", "ip": VICTIM, "code": "127.0.0.3"})
    watch.step(5)
    assert open_listings() == {}, "one look opens nothing"
    watch.step(1.1)
    assert open_listings() == {(VICTIM, ZEN): "critical"}
    row = Listing.objects.get()
    assert (row.codes, row.means) == (["127.0.0.3"], "CSS: sends like a spammer") and VICTIM in row.reason and row.listed_since == watch.at
    assert notices() == {f"{VICTIM} {ZEN}": 2}
    watch.step(5)
    row.refresh_from_db()
    assert row.last_seen_at == watch.at and Listing.objects.count() == 1
    well.control({"action": "dnsbl_remove", "ip": VICTIM})
    watch.step(5)
    assert open_listings(), "one look ends nothing"
    watch.step(1.1)
    row.refresh_from_db()
    assert open_listings() == {} and row.cleared_at == watch.at and notices() == {}


def test_a_flicker_changes_nothing(watch: Watch, well: Aside) -> None:
    watch.step(5)
    well.control({"action": "dnsbl_add", "ip": VICTIM})
    watch.step(5)
    well.control({"action": "dnsbl_remove", "ip": VICTIM})
    watch.steps(3)
    assert not Listing.objects.exists()


def test_each_list_has_its_own_word(watch: Watch, well: Aside) -> None:
    well.control({"action": "dnsbl_add", "ip": VICTIM, "zone": "spamcop"})
    watch.steps()
    assert open_listings() == {(VICTIM, SPAMCOP): "warning"}


@pytest.mark.parametrize("mode", ["wildcard", "empty", "servfail", "silent"])
def test_an_ill_list_takes_nobody_out_and_is_told(watch: Watch, well: Aside, mode: str) -> None:
    well.control({"action": "dnsbl_add", "ip": VICTIM})
    well.control({"action": "dnsbl_mode", "zone": "zen", "mode": mode})
    watch.steps(2)
    assert not Listing.objects.exists()
    assert zone().health == ("silent" if mode == "servfail" else mode) and notices("block_list") == {ZEN: 1}
    assert zone(SPAMCOP).health == "good", "another list does not suffer"
    well.control({"action": "dnsbl_mode", "zone": "zen", "mode": "ok"})
    watch.steps(3)
    assert open_listings() == {(VICTIM, ZEN): "critical"} and notices("block_list") == {}


@pytest.mark.parametrize("code", ["127.255.255.252", "127.255.255.254", "127.255.255.255", "198.51.100.7"])
def test_a_list_that_refuses_us_lists_nobody(watch: Watch, well: Aside, code: str) -> None:
    well.control({"action": "dnsbl_error", "zone": "zen", "code": code})
    watch.steps(2)
    assert not Listing.objects.exists() and zone().health == "refuses"
    assert "refuses our resolver" in Notice.objects.get(kind="block_list", cleared_at=None).sentence


def test_a_list_that_turns_ill_keeps_its_last_word_for_a_while(watch: Watch, well: Aside) -> None:
    well.control({"action": "dnsbl_add", "ip": VICTIM})
    watch.steps()
    well.control({"action": "dnsbl_mode", "zone": "zen", "mode": "empty"})
    watch.step(30)
    assert open_listings(), "an hour of SERVFAIL is no delisting"
    watch.step(31)
    watch.step(2)
    assert open_listings() == {} and "no answer that counts" in Listing.objects.get().cleared_why


def test_a_new_steward_asks_before_it_forgets(watch: Watch, well: Aside) -> None:
    well.control({"action": "dnsbl_add", "ip": VICTIM})
    watch.steps()
    watch.round = ListingsRound()
    watch.step(3600)
    assert open_listings(), "nobody asked for an hour; that is no delisting"
    watch.step(5)
    assert Listing.objects.get().last_seen_at == watch.at


def test_a_list_that_names_very_many_of_us_waits_for_a_person(watch: Watch, well: Aside, ips: list[SendingIP]) -> None:
    for ip in ips[:3]:  # half of six
        well.control({"action": "dnsbl_add", "ip": str(ip.address)})
    watch.steps()
    assert set(open_listings().values()) == {"info"} and len(open_listings()) == 3
    assert zone().health == "mass" and notices() == {} and notices("block_list") == {ZEN: 1}
    DnsblZone.objects.filter(zone=ZEN).update(many_allowed="critical")
    watch.step(5)
    assert set(open_listings().values()) == {"critical"}
    well.control({"action": "dnsbl_remove", "ip": str(ips[0].address)})
    watch.steps()
    assert len(open_listings()) == 2 and set(open_listings().values()) == {"critical"} and zone().health == "good"
    assert zone().many_allowed == "info", "the next time a person is asked anew"


def test_two_of_six_are_not_many(watch: Watch, well: Aside, ips: list[SendingIP]) -> None:
    for ip in ips[:2]:
        well.control({"action": "dnsbl_add", "ip": str(ip.address)})
    watch.steps()
    assert list(open_listings().values()) == ["critical", "critical"]


def test_a_list_that_is_turned_off_lets_go_within_seconds(watch: Watch, well: Aside) -> None:
    well.control({"action": "dnsbl_add", "ip": VICTIM})
    watch.steps()
    DnsblZone.objects.filter(zone=ZEN).update(asked="never")
    watch.step(2)
    assert open_listings() == {} and notices() == {}


def test_in_live_mode_only_what_an_operator_turned_on_is_asked(watch: Watch, well: Aside, settings: object) -> None:
    settings.MAIL_MODE = "live"  # type: ignore[attr-defined]
    asked = well.world.directory.asked
    watch.round._names_job = lambda *_: None  # type: ignore[method-assign]
    for _ in range(3):
        watch.step(1000)
    assert well.world.directory.asked == asked and zone().health == "unknown"


def test_the_sandbox_never_asks_beyond_loopback(watch: Watch, settings: object) -> None:
    for server in ("", "192.0.2.53:53"):
        settings.RESOLVER = server  # type: ignore[attr-defined]
        watch.round(watch.at + timedelta(seconds=60))
        assert not watch.round._under_way


def test_off_is_off(watch: Watch, well: Aside) -> None:
    ListingPolicy.objects.filter(mode="sandbox").update(enabled=False)
    well.control({"action": "dnsbl_add", "ip": VICTIM})
    asked = well.world.directory.asked
    watch.steps(4)
    assert not Listing.objects.exists() and well.world.directory.asked == asked


def test_a_person_who_asks_is_answered_at_once(watch: Watch, well: Aside) -> None:
    ListingPolicy.objects.filter(mode="sandbox").update(ask_every_s=3600)
    well.control({"action": "dnsbl_add", "ip": VICTIM})
    watch.step()
    watch.step(400)
    watch.step(1.1)
    assert open_listings()
    well.control({"action": "dnsbl_remove", "ip": VICTIM})
    Listing.objects.update(look_wanted_at=watch.at)
    watch.step(0.5)
    assert Listing.objects.get().look_wanted_at is None
    watch.step(1.1)
    assert open_listings() == {}


def test_a_quota_is_not_overstepped(watch: Watch, ips: list[SendingIP], settings: object) -> None:
    settings.MAIL_MODE = "live"  # type: ignore[attr-defined]
    ListingPolicy.objects.filter(mode="live").update(ask_every_s=5)
    DnsblZone.objects.filter(zone__in=[ZEN, SPAMCOP]).update(asked="always", ask_every_s=5)
    for n, ip in enumerate(ips):
        SendingIP.objects.filter(pk=ip.pk).update(address=f"11.0.0.{n + 1}")  # in live mode only public addresses are asked about
    DnsblZone.objects.filter(zone=ZEN).update(questions_per_day=100_000)
    watch.steps(2)
    assert zone().questions_asked == 8  # six and the two test points
    watch.step(6)
    assert zone().questions_asked == 8 and zone(SPAMCOP).questions_asked == 16, "a quota spreads over the day"
    DnsblZone.objects.filter(zone=ZEN).update(questions_asked=100_000)
    watch.steps(3, 20)
    assert zone().questions_asked == 100_000


def test_the_round_does_not_wait_for_dns(watch: Watch, well: Aside) -> None:
    well.control({"action": "dns", "mode": "dead"})
    watch.at += timedelta(seconds=10)
    started = time.monotonic()
    watch.round(watch.at)
    assert time.monotonic() - started < 1 and watch.round._under_way


def test_many_addresses_hold_nobody_up(watch: Watch, well: Aside) -> None:
    """Two hundred more: a look comes in parts, and no call of the round works for long (its thread's time: the machine has others)."""
    node = SendingIP.objects.all()[0].node
    SendingIP.objects.bulk_create(SendingIP(node=node, address=f"127.10.2.{n}", ehlo_name="x.test") for n in range(1, 201))
    ListingPolicy.objects.filter(mode="sandbox").update(questions_per_s=100_000, ask_every_s=600)
    DnsblZone.objects.filter(zone=SPAMCOP).update(asked="never")
    watch.round._names_job = lambda *_: None  # type: ignore[method-assign]
    watch.step()
    well.control({"action": "dnsbl_add", "ip": "127.10.2.150"})
    took = []
    for _ in range(2):
        watch.at += timedelta(seconds=61)
        until = time.monotonic() + 20
        while not took or (time.monotonic() < until and (watch.round._under_way or not watch.round._results.empty())):
            started = time.thread_time()
            watch.round(watch.at)
            took.append(time.thread_time() - started)
            time.sleep(0.02)
        took.append(0.0)
        watch.round(watch.at)
    watch.step(2)
    assert open_listings() == {("127.10.2.150", ZEN): "critical"} and zone().questions_asked > 206
    assert sorted(took)[len(took) * 9 // 10] < 0.15, took


def test_what_was_asked_while_a_steward_lost_its_place_is_written_once(watch: Watch, well: Aside) -> None:
    """Two rounds beside each other, as for a moment when a steward takes over."""
    well.control({"action": "dnsbl_add", "ip": VICTIM})
    other = Watch(at=watch.at)
    for _ in range(3):
        watch.step(5)
        other.step(5)
    assert Listing.objects.count() == 1
