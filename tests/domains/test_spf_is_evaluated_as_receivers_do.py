"""RFC 7208, section by section, against answers in a dictionary; circles, floods and rubbish end in a result."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.domains.spf import Branch, Verdict, check_host, survey
from delivery.domains.spf_terms import Malformed, Record, expand, parse
from mailplatform.shell.ask import Answer, Status

IP = "192.0.2.3"
SIX = "2001:db8::cb01"


class Names:
    """A small DNS: {name: {type: [rows]}}; FAIL in place of the types cannot be asked."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names, self.asked = names, 0

    async def __call__(self, name: str, kind: str) -> Answer:
        self.asked += 1
        known = self.names.get(name.rstrip(".").lower())
        if known == "FAIL":
            return Answer(Status.FAILED, why="no answer came in time")
        if known is None:
            return Answer(Status.MISSING)
        rows = tuple(known.get(kind, ()))
        return Answer(Status.FOUND, rows) if rows else Answer(Status.EMPTY)


def evaluate(record: str | list[str], names: dict[str, Any] | None = None, ip: str = IP, **given: str) -> Verdict:
    records = [record] if isinstance(record, str) else record
    return asyncio.run(check_host(Names({"example.test": {"TXT": records}, **(names or {})}), ip, "example.test", **given))


A = {"host.test": {"A": [IP], "AAAA": [SIX]}, "other.test": {"A": ["198.51.100.1"]}}
PASSING = {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]}
FAILING = {"TXT": ["v=spf1 -all"]}


@pytest.mark.parametrize(
    ("record", "names", "result"),
    [
        # §4.5 selecting records, §4.6 reading them
        ("v=spf1 -all", {}, "fail"),
        ("v=spf1", {}, "neutral"),
        ("V=SPF1 +ALL", {}, "pass"),
        ("v=spf10 -all", {}, "none"),
        ("v=spf1-all", {}, "none"),
        (["something else", "v=spf1 ?all"], {}, "neutral"),
        (["v=spf1 -all", "v=spf1 +all"], {}, "permerror"),
        ("v=spf1 ip4:192.0.2.3 nonsense", {}, "permerror"),
        ("v=spf1 +all ip4:1.2.3", {}, "permerror"),
        ("v=spf1 ip4:192.0.2.0/33 -all", {}, "permerror"),
        ("v=spf1 ip4:192.0.2.0/024 -all", {}, "permerror"),
        ("v=spf1 ip4: -all", {}, "permerror"),
        ("v=spf1 all:x.test", {}, "permerror"),
        ("v=spf1  ip4:192.0.2.3   -all ", {}, "pass"),
        ("v=spf1 unknown=%{d}anything -all", {}, "fail"),
        ("v=spf1 a:ho%st.test -all", {}, "permerror"),
        # §5.1 to §5.3
        ("v=spf1 a:host.test -all", A, "pass"),
        ("v=spf1 a:other.test/8 -all", {"other.test": {"A": ["192.9.9.9"]}}, "pass"),
        ("v=spf1 a:other.test//64 -all", A, "fail"),
        ("v=spf1 include:_spf.test -all", {"_spf.test": PASSING}, "pass"),
        ("v=spf1 include:_spf.test ~all", {"_spf.test": FAILING}, "softfail"),
        ("v=spf1 ?include:_spf.test -all", {"_spf.test": PASSING}, "neutral"),
        ("v=spf1 include:nowhere.test -all", {}, "permerror"),
        ("v=spf1 include:_spf.test -all", {"_spf.test": {"TXT": ["v=spf1 bad:"]}}, "permerror"),
        ("v=spf1 include:slow.test -all", {"slow.test": "FAIL"}, "temperror"),
        ("v=spf1 include:localhost -all", {}, "permerror"),
        # §5.4 mx, §5.5 ptr, §5.6 ip6, §5.7 exists
        ("v=spf1 mx -all", {"example.test": {"TXT": ["v=spf1 mx -all"], "MX": ["10 host.test"]}, **A}, "pass"),
        ("v=spf1 mx:m.test -all", {"m.test": {"MX": [f"{n} h{n}.test" for n in range(11)]}}, "permerror"),
        ("v=spf1 mx:m.test -all", {"m.test": {"MX": ["0 ."]}}, "fail"),
        ("v=spf1 ptr:host.test -all", {"3.2.0.192.in-addr.arpa": {"PTR": ["host.test"]}, **A}, "pass"),
        ("v=spf1 ptr:test -all", {"3.2.0.192.in-addr.arpa": {"PTR": ["host.test"]}, **A}, "permerror"),
        ("v=spf1 ptr:example.test -all", {"3.2.0.192.in-addr.arpa": {"PTR": ["liar.example.test"]}, "liar.example.test": {"A": ["9.9.9.9"]}}, "fail"),
        ("v=spf1 exists:%{ir}.%{v}.yes.test -all", {"3.2.0.192.in-addr.yes.test": {"A": ["127.0.0.2"]}}, "pass"),
        ("v=spf1 exists:no.test -all", {"no.test": {"AAAA": [SIX]}}, "fail"),
        # §6.1 redirect
        ("v=spf1 redirect=_spf.test", {"_spf.test": PASSING}, "pass"),
        ("v=spf1 redirect=_spf.test", {"_spf.test": FAILING}, "fail"),
        ("v=spf1 redirect=nowhere.test", {}, "permerror"),
        ("v=spf1 ?all redirect=_spf.test", {"_spf.test": FAILING}, "neutral"),
        ("v=spf1 redirect=a.test redirect=b.test", {}, "permerror"),
        # what cannot be asked
        ("v=spf1 a:slow.test -all", {"slow.test": "FAIL"}, "temperror"),
        ("v=spf1 ip4:192.0.2.3 a:slow.test -all", {"slow.test": "FAIL"}, "pass"),
    ],
)  # fmt: skip
def test_results_are_the_rfcs(record: Any, names: dict[str, Any], result: str) -> None:
    found = evaluate(record, names)
    assert found.result == result, found


def test_a_name_without_a_record_is_none_and_a_failure_temporary() -> None:
    assert asyncio.run(check_host(Names({}), IP, "example.test")).result == "none"
    assert asyncio.run(check_host(Names({"example.test": "FAIL"}), IP, "example.test")).result == "temperror"
    assert asyncio.run(check_host(Names({}), IP, "single")).result == "none"
    assert asyncio.run(check_host(Names({}), IP, "a..b.test")).result == "none"


def test_ip6_and_mapped_addresses() -> None:
    assert evaluate("v=spf1 ip6:2001:db8::/32 -all", ip=SIX).result == "pass"
    assert evaluate("v=spf1 ip4:192.0.2.3 -all", ip="::ffff:192.0.2.3").result == "pass"
    assert evaluate("v=spf1 a:host.test -all", A, ip=SIX).result == "pass"
    assert evaluate("v=spf1 ip4:0.0.0.0/0 -all", ip=SIX).result == "fail"


def test_ten_terms_may_ask_and_no_more() -> None:
    hosts = {f"h{n}.test": {"A": ["198.51.100.1"]} for n in range(12)}
    ten = evaluate("v=spf1 " + " ".join(f"a:h{n}.test" for n in range(10)) + " ip4:192.0.2.3 -all", hosts)
    assert (ten.result, ten.lookups) == ("pass", 10)
    eleven = evaluate("v=spf1 " + " ".join(f"a:h{n}.test" for n in range(11)) + " ip4:192.0.2.3 -all", hosts)
    assert eleven.result == "permerror" and "more than 10" in eleven.why
    chain = {f"c{n}.test": {"TXT": [f"v=spf1 include:c{n + 1}.test ?all"]} for n in range(11)} | {"c11.test": PASSING}
    assert evaluate("v=spf1 include:c0.test -all", chain).result == "permerror"
    assert evaluate("v=spf1 include:c2.test -all", chain).result == "pass", "nine below it"


def test_a_third_lookup_that_finds_nothing_ends_it() -> None:
    assert evaluate("v=spf1 a:n1.test a:n2.test ip4:192.0.2.3 -all").result == "pass"
    assert evaluate("v=spf1 a:n1.test a:n2.test exists:n3.test ip4:192.0.2.3 -all").result == "permerror"


def test_circles_end() -> None:
    circle = {"b.test": {"TXT": ["v=spf1 include:example.test -all"]}}
    names = Names({"example.test": {"TXT": ["v=spf1 include:b.test -all"]}, **circle})
    assert asyncio.run(check_host(names, IP, "example.test")).result == "permerror"
    assert names.asked < 30
    tree = asyncio.run(survey(names, "example.test", IP))
    assert tree.branches[0].branches[0].problem == "leads in a circle"


def test_a_tree_that_fans_out_ends() -> None:
    fan = {f"f{n}.test": {"TXT": ["v=spf1 " + " ".join(f"include:f{(n * 7 + k) % 50}.test" for k in range(9)) + " -all"]} for n in range(50)}
    names = Names({"example.test": {"TXT": ["v=spf1 include:f0.test -all"]}, **fan})
    assert asyncio.run(check_host(names, IP, "example.test")).result == "permerror"
    tree = asyncio.run(survey(names, "example.test", IP))
    assert names.asked < 150 and isinstance(tree, Branch)


def test_the_survey_counts_the_whole_tree() -> None:
    names = {
        "example.test": {"TXT": ["v=spf1 a mx include:one.test include:two.test redirect=three.test"]},
        "one.test": {"TXT": ["v=spf1 a:x.test ip4:1.2.3.4 -all"]}, "two.test": {"TXT": ["v=spf1 -all"]}, "three.test": {"TXT": ["v=spf1 exists:e.test"]},
    }  # fmt: skip
    tree = asyncio.run(survey(Names(names), "example.test", IP))
    assert (tree.lookups, tree.total) == (5, 7)
    assert [branch.domain for branch in tree.branches] == ["one.test", "two.test", "three.test"]
    assert tree.told()["branches"][0]["record"] == "v=spf1 a:x.test ip4:1.2.3.4 -all"  # type: ignore[index]


@pytest.mark.parametrize(
    ("macro", "name"),
    [
        ("%{s}", "strong-bad@email.example.com"), ("%{o}", "email.example.com"), ("%{d}", "email.example.com"), ("%{d4}", "email.example.com"),
        ("%{d1}", "com"), ("%{d2}", "example.com"), ("%{dr}", "com.example.email"), ("%{d2r}", "example.email"), ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"), ("%{lr}", "strong-bad"), ("%{lr-}", "bad.strong"), ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"), ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"), ("%{S}", "strong-bad%40email.example.com"),
        ("a%%b%_c%-d", "a%b c%20d"),
    ],
)  # fmt: skip
def test_macros_are_put_in_as_the_rfcs_examples_say(macro: str, name: str) -> None:
    """RFC 7208 §7.4."""
    values = {"s": "strong-bad@email.example.com", "l": "strong-bad", "o": "email.example.com", "d": "email.example.com", "i": "192.0.2.3", "v": "in-addr"}
    assert expand(macro, values) == name


def test_names_that_macros_make_are_cut_from_the_left() -> None:
    made = expand("%{l}.test", {"l": "a." * 200 + "end"})
    assert len(made) <= 253 and made.endswith("end.test")


PIECES = ["a", "mx:", "include:", "ptr", "ip4:1.2.3.4/", "%{", "}", "redirect=", "x.test", " ", "-", "//"]


@given(st.text(max_size=120), st.lists(st.sampled_from(PIECES), max_size=12))
@settings(max_examples=300, deadline=None, database=None)
def test_rubbish_is_malformed_or_a_record_and_never_more(text: str, pieces: list[str]) -> None:
    for record in (f"v=spf1 {text}", f"v=spf1 {''.join(pieces)}"):
        try:
            assert isinstance(parse(record), Record)
        except Malformed as mistake:
            assert str(mistake)
        assert evaluate(record).result


def test_a_record_too_long_to_be_one_is_refused() -> None:
    assert evaluate("v=spf1 " + "ip4:192.0.2.3 " * 5000).result == "permerror"
