"""Codes, error codes and test points of a list: real questions to a DNS server on loopback."""

import asyncio

import pytest

from mailplatform.shell.ask import Answer, Asker, Status
from pools.listings import zones as lists
from pools.listings.look import Look, look, name_of
from pools.listings.meaning import Word, read
from pools.listings.models import Health
from pools.listings.zones import ZoneFacts
from tests.resolver.zones import Zones, silent, with_code

_SHIPPED = {entry["zone"]: entry for entry in lists.shipped()["zones"]}["zen.spamhaus.org"]
ZEN = ZoneFacts(1, *(_SHIPPED[name] for name in ("zone", "lists", "weight", "meanings", "errors")))
BARE = ZoneFacts(2, "bl.test", "ip", "warning", {}, {})
DOMAINS = ZoneFacts(3, "dbl.test", "domain", "warning", {"127.0.1.2": {"means": "spam domain"}}, {})


def answer(*codes: str) -> Answer:
    return Answer(Status.FOUND, codes)


def ask(dns: Zones, zone: ZoneFacts, *subjects: str, **options: float) -> Look:
    return asyncio.run(look(zone, subjects, Asker(dns.server, **{"timeout_s": 0.3, "lifetime_s": 0.6, **options})))


def well(dns: Zones, zone: ZoneFacts) -> None:
    dns.records[f"2.0.0.127.{zone.zone}", "A"] = ["127.0.0.2"]


@pytest.mark.parametrize(
    ("codes", "word", "weight"),
    [
        (("127.0.0.2",), Word.LISTED, "critical"),
        (("127.0.0.10",), Word.LISTED, "warning"),
        (("127.0.0.11", "127.0.0.4"), Word.LISTED, "critical"),  # the heaviest of them
        (("127.0.0.77",), Word.LISTED, "warning"),  # nobody said what it means: never critical
        (("127.255.255.252",), Word.REFUSED, "info"),
        (("127.255.255.254",), Word.REFUSED, "info"),
        (("127.255.255.255",), Word.REFUSED, "info"),
        (("127.255.255.1",), Word.REFUSED, "info"),
        (("127.0.0.2", "127.255.255.255"), Word.REFUSED, "info"),
        (("203.0.113.80",), Word.REFUSED, "info"),  # a parked domain's web server
        (("128.0.0.1",), Word.REFUSED, "info"),
    ],
)
def test_codes_mean_what_the_list_says(codes: tuple[str, ...], word: Word, weight: str) -> None:
    verdict = read(answer(*codes), ZEN)
    assert (verdict.word, verdict.weight) == (word, weight)


def test_no_name_is_no_listing_and_no_answer_is_no_word() -> None:
    assert read(Answer(Status.MISSING), ZEN).word is Word.CLEAR
    assert read(Answer(Status.EMPTY), ZEN).word is Word.CLEAR
    assert read(Answer(Status.FAILED, why="no answer came in time"), ZEN).word is Word.NOTHING


def test_a_list_weighs_no_more_than_its_operator_lets_it() -> None:
    tamed = ZoneFacts(1, ZEN.zone, "ip", "info", ZEN.meanings, ZEN.errors)
    assert read(answer("127.0.0.2"), tamed).weight == "info"


def test_a_code_for_good_senders_is_no_listing() -> None:
    karma = ZoneFacts(1, "k.test", "ip", "warning", {"127.0.0.1": {"means": "known for good mail", "weight": "none"}}, {})
    assert read(answer("127.0.0.1"), karma).word is Word.CLEAR


def test_addresses_are_asked_in_reverse() -> None:
    assert name_of("192.0.2.99", BARE) == "99.2.0.192.bl.test"
    # RFC 5782 §2.4 has this very address
    nibbles = "2.b.a.9.8.7.6.5.4.3.2.1.e.f.f.f.0.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2"
    assert name_of("2001:db8:1:0:fffe:1234:5678:9ab2", BARE) == f"{nibbles}.bl.test"
    assert name_of("::ffff:7f00:2", BARE) == "2.0.0.0.0.0.f.7.f.f.f.f." + "0." * 20 + "bl.test"
    assert name_of("brightfield.example", DOMAINS) == "brightfield.example.dbl.test"


def test_listed_and_not_listed_with_the_reason(dns: Zones) -> None:
    well(dns, BARE)
    dns.records["1.2.0.192.bl.test", "A"] = ["127.0.0.2"]
    dns.records["1.2.0.192.bl.test", "TXT"] = ['"Spam, see " "https://bl.test/"']
    seen = ask(dns, BARE, "192.0.2.1", "192.0.2.2")
    assert seen.health is Health.GOOD
    assert {subject: verdict.word for subject, verdict in seen.verdicts.items()} == {"192.0.2.1": Word.LISTED, "192.0.2.2": Word.CLEAR}
    assert seen.reasons == {"192.0.2.1": "Spam, see https://bl.test/"}
    assert not any(kind == "TXT" and name.startswith("2.2.0.192") for name, kind, _ in dns.asked), "TXT is asked of what is listed alone"


@pytest.mark.parametrize("ill", ["wildcard", "empty", "servfail", "refused", "silent", "error"])
def test_without_its_test_points_a_list_has_no_word(dns: Zones, ill: str) -> None:
    well(dns, BARE)
    dns.records["1.2.0.192.bl.test", "A"] = ["127.0.0.2"]
    point, other = "2.0.0.127.bl.test", "1.0.0.127.bl.test"
    match ill:
        case "wildcard":
            dns.records[other, "A"] = ["127.0.0.2"]
        case "empty":
            del dns.records[point, "A"]
        case "servfail" | "refused":
            dns.odd[point] = with_code(2 if ill == "servfail" else 5)
        case "silent":
            dns.odd[point] = silent
        case "error":
            dns.records[point, "A"] = ["127.255.255.254"]
    seen = ask(dns, BARE, "192.0.2.1")
    assert seen.health == {"servfail": "silent", "refused": "silent", "error": "refuses"}.get(ill, ill)
    assert seen.why and not seen.verdicts
    assert ("1.2.0.192.bl.test", "A", "udp") not in dns.asked, "nothing more is asked of it"


def test_an_error_code_in_the_middle_ends_its_word(dns: Zones) -> None:
    well(dns, BARE)
    dns.records["1.2.0.192.bl.test", "A"] = ["127.0.0.2"]
    dns.records["2.2.0.192.bl.test", "A"] = ["127.255.255.255"]
    seen = ask(dns, BARE, "192.0.2.1", "192.0.2.2")
    assert seen.health is Health.REFUSES and not seen.verdicts


def test_one_question_without_an_answer_leaves_the_others(dns: Zones) -> None:
    well(dns, BARE)
    dns.odd["1.2.0.192.bl.test"] = silent
    seen = ask(dns, BARE, "192.0.2.1", "192.0.2.2")
    assert [seen.verdicts[ip].word for ip in ("192.0.2.1", "192.0.2.2")] == [Word.NOTHING, Word.CLEAR]


def test_ipv6_has_test_points_of_its_own(dns: Zones) -> None:
    well(dns, BARE)
    six = "2001:db8::1"
    dns.records[name_of(six, BARE), "A"] = ["127.0.0.2"]
    assert six not in ask(dns, BARE, six, "192.0.2.2").verdicts, "it knows no IPv6"
    dns.records[name_of("::ffff:7f00:2", BARE), "A"] = ["127.0.0.2"]
    assert ask(dns, BARE, six).verdicts[six].word is Word.LISTED
    dns.records[name_of("::ffff:7f00:1", BARE), "A"] = ["127.0.0.2"]
    assert ask(dns, BARE, six).health is Health.WILDCARD


def test_lists_of_domains_are_asked_about_domains(dns: Zones) -> None:
    dns.records["test.dbl.test", "A"] = ["127.0.1.2"]
    dns.records["bad.example.dbl.test", "A"] = ["127.0.1.2"]
    seen = ask(dns, DOMAINS, "bad.example", "good.example")
    assert [seen.verdicts[name].word for name in ("bad.example", "good.example")] == [Word.LISTED, Word.CLEAR]
    dns.records["invalid.dbl.test", "A"] = ["127.0.1.2"]
    assert ask(dns, DOMAINS, "good.example").health is Health.WILDCARD


def test_every_shipped_list_has_what_a_look_needs() -> None:
    data = lists.shipped()
    for entry in data["zones"]:
        assert entry["zone"] not in data["ended"] and entry["source"] and entry["terms"] and entry["delisting"].startswith("https://"), entry["zone"]
        assert {one.get("weight") for one in entry["meanings"].values()} <= {"info", "warning", "critical", "none"}
        assert entry["ask_every_s"] >= 900, "no list is asked about one address oftener than every quarter of an hour"
