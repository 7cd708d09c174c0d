"""DNS that floods, loops, lies and dawdles, over real sockets; and what is said of records that are nearly right."""

import asyncio
import time

import pytest

from delivery.domains import dmarc
from delivery.domains.dkim_record import compare
from delivery.domains.dmarc import Policy, read
from delivery.domains.orgs import aligned, is_public_suffix, organizational_domain
from delivery.sign.dkim import make_key
from mailplatform.shell.ask import Answer, Asker, Status
from tests.domains.conftest import say
from tests.resolver.zones import Zones, silent, with_code

RSA = make_key("rsa-sha256")[1]
ED = make_key("ed25519-sha256")[1]


@pytest.fixture
def zones():
    with Zones() as zones:
        yield zones


def ask(zones: Zones, name: str, kind: str = "TXT", **bounds: float) -> Answer:
    async def once() -> Answer:
        return await Asker(zones.server, **bounds)(name, kind)  # type: ignore[arg-type]

    return asyncio.run(once())


def test_each_kind_of_answer_is_told_from_the_others(zones: Zones) -> None:
    say(zones, "a.test", "x" * 700)
    assert ask(zones, "a.test").rows == ("x" * 700,), "strings are joined"
    assert ask(zones, "a.test", "MX").status is Status.EMPTY
    assert ask(zones, "none.test").status is Status.MISSING
    assert ask(zones, "a..test").status is Status.MISSING
    zones.odd["b.test"] = with_code(2)
    assert ask(zones, "b.test").failed and "SERVFAIL" in ask(zones, "b.test").why
    zones.odd["c.test"] = silent
    assert "in time" in ask(zones, "c.test", timeout_s=0.1, lifetime_s=0.2).why
    zones.odd["d.test"] = lambda query: b"\xff" * 30
    assert ask(zones, "d.test", timeout_s=0.1, lifetime_s=0.2).failed


def test_aliases_are_followed_and_circles_could_not_be_asked(zones: Zones) -> None:
    zones.records["alias.test", "CNAME"] = ["a.test."]
    say(zones, "a.test", "here")
    assert ask(zones, "alias.test") == Answer(Status.FOUND, ("here",), canonical="a.test")
    zones.records["r1.test", "CNAME"], zones.records["r2.test", "CNAME"] = ["r2.test."], ["r1.test."]
    assert ask(zones, "r1.test").failed


def test_a_flood_of_records_is_cut(zones: Zones) -> None:
    say(zones, "flood.test", *(f"{n} " + "y" * 200 for n in range(250)))
    assert len(ask(zones, "flood.test").rows) == 200


def test_a_look_ends_by_questions_and_by_time(zones: Zones) -> None:
    zones.odd["slow.test"] = silent

    async def many() -> list[Answer]:
        asker = Asker(zones.server, timeout_s=5, lifetime_s=5, questions=20, seconds=0.5)
        return list(await asyncio.gather(asker("slow.test", "TXT"), *(asker(f"n{n}.test", "TXT") for n in range(40))))

    began = time.monotonic()
    answers = asyncio.run(many())
    assert time.monotonic() - began < 3
    assert answers[0].failed and sum("last question" in answer.why for answer in answers) == 21


@pytest.mark.parametrize(
    ("published", "words"),
    [
        (RSA, ""), (RSA.replace(" ", ""), ""), (RSA.replace("p=", "p= ").replace("k=rsa", "k=rsa; h=sha1:sha256; s=email"), ""), (RSA[:-40], "breaks off"),
        (RSA + "AAAA", "more characters"), (ED, "kind rsa"), (make_key("rsa-sha256")[1], "another key"), (RSA[:200] + "//" + RSA[202:], "differs"),
        ("v=DKIM1; k=rsa; p=", "revoked"),
        ("v=DKIM1; k=rsa", "missing"), (RSA.replace("DKIM1", "DKIM2"), "version"), (RSA.replace("k=rsa", "k=rsa; h=sha1"), "sha256"),
        (RSA.replace("k=rsa", "k=rsa; s=other"), "email"), (f'"{RSA}"', "quotation marks"), (RSA + "; p=x", "twice"), ("hello", "cannot be read"),
    ],
    ids=lambda value: "" if len(value) > 30 else None,
)  # fmt: skip
def test_a_dkim_record_that_is_nearly_right_is_told_in_words(published: str, words: str) -> None:
    found = compare(published, RSA)
    assert (words in found.difference) if words else found.difference == "", found


def test_a_key_that_is_only_tested_is_right_with_a_caution() -> None:
    assert compare(RSA.replace("k=rsa", "k=rsa; t=y:s"), RSA).testing


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ("v=DMARC1; p=none", Policy("none", False, False, 100, ())),
        ("v=DMARC1;p=reject;adkim=s;aspf=s;pct=50;rua=mailto:a@b.test", Policy("reject", True, True, 50, ("mailto:a@b.test",))),
        ("v=DMARC1; p=bad; rua=mailto:a@b.test", Policy("none", False, False, 100, ("mailto:a@b.test",))),
        ("v=DMARC1; p=monitor", "policy is “monitor”"), ("v=DMARC1", "missing"), ("v=DMARC1; p=none; adkim=x", "adkim"), ("v=DMARC1; p=none; pct=101", "pct"),
        ("v=DMARC1; p=none; p=reject", "twice"),
    ],
)  # fmt: skip
def test_dmarc_records_are_read(record: str, found: Policy | str) -> None:
    seen = read(record, False)
    assert seen == found if isinstance(found, Policy) else found in str(seen), seen


def test_a_policy_is_found_at_the_organizational_domain(zones: Zones) -> None:
    say(zones, "_dmarc.acme.co.uk", "v=DMARC1; p=reject; sp=none")

    async def found(name: str) -> dmarc.Discovered:
        return await dmarc.discover(Asker(zones.server), name)

    below = asyncio.run(found("a.b.acme.co.uk"))
    assert below.inherited and below.at == "_dmarc.acme.co.uk" and read(below.texts[0], True).policy == "none"  # type: ignore[union-attr]
    assert not asyncio.run(found("acme.co.uk")).inherited
    zones.odd["_dmarc.acme.co.uk"] = with_code(2)
    assert asyncio.run(found("a.b.acme.co.uk")).failed


def test_organizational_domains_and_alignment() -> None:
    assert organizational_domain("a.b.example.co.uk") == "example.co.uk" and organizational_domain("example.com") == "example.com"
    assert is_public_suffix("co.uk") and not is_public_suffix("example.co.uk")
    assert aligned("bounces.example.com", "mail.example.com", strict=False) and not aligned("bounces.example.com", "example.com", strict=True)
    assert not aligned("evil.co.uk", "good.co.uk", strict=False)
