"""Roll-up: MX first, longest suffix, one MX set one provider."""

import random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pools.providers import shipped
from pools.providers.rollup import Catalogue, tail_key

CATALOGUE = Catalogue(SimpleNamespace(**{**entry, "is_tail": False}) for entry in shipped.providers())


@pytest.mark.parametrize(
    ("domain", "hosts", "key"),
    [
        ("gmail.com", ["gmail-smtp-in.l.google.com"], "google"),
        ("a-workspace.example", ["ASPMX.L.GOOGLE.COM.", "alt1.aspmx.l.google.com"], "google"),
        ("outlook.com", ["outlook-com.olc.protection.outlook.com"], "microsoft_consumer"),
        ("firm.example", ["firm-example.mail.protection.outlook.com"], "microsoft_365"),
        ("yahoo.com", ["mta5.am0.yahoodns.net"], "yahoo"),
        ("icloud.com", ["mx01.mail.icloud.com"], "apple"),
        ("firm.example", ["eu-smtp-inbound-1.mimecast.com"], "mimecast@eu"),
        ("firm.example", ["us-smtp-inbound-2.mimecast.com"], "mimecast@us"),
        ("firm.example", ["mailstore1.secureserver.net"], "secureserver"),
    ],
)
def test_known_mail_hosts_name_their_provider(domain: str, hosts: list[str], key: str) -> None:
    assert CATALOGUE.provider_of(domain, hosts) == key


def test_a_moved_domain_follows_its_mx() -> None:
    assert CATALOGUE.provider_of("comcast.net", ["mx-comcast.mail.am0.yahoodns.net"]) == "yahoo"


def test_a_listed_domain_with_mail_hosts_of_its_own_keeps_its_provider() -> None:
    assert CATALOGUE.provider_of("t-online.de", ["mx00.example.net"]) == "t_online"


def test_the_most_preferred_host_decides() -> None:
    assert CATALOGUE.provider_of("firm.example", ["mx.firm.example", "aspmx.l.google.com"]).startswith("mx:")


def test_a_suffix_ends_at_a_label() -> None:
    assert CATALOGUE.provider_of("x.example", ["mx.notgoogle.com"]) == "mx:notgoogle.com"


def test_the_tail_is_its_registrable_domains_in_any_order() -> None:
    assert tail_key(["mx2.a.co.uk", "mx1.a.co.uk.", "mx.B.example"]) == "mx:a.co.uk,b.example"
    assert CATALOGUE.provider_of("only-an-address.example", []) == "mx:only-an-address.example"


def test_an_operators_longer_suffix_beats_the_shipped_one() -> None:
    rows = [SimpleNamespace(key="short", mx_suffixes=["example.com"], domains=[], is_tail=False)]
    rows.append(SimpleNamespace(key="long", mx_suffixes=[".eu.example.com"], domains=[], is_tail=False))
    assert Catalogue(rows).provider_of("x.test", ["mx1.eu.example.com"]) == "long"
    assert Catalogue(reversed(rows)).provider_of("x.test", ["mx1.eu.example.com"]) == "long"


LABEL = st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True)
HOST = st.lists(LABEL, min_size=1, max_size=6).map(".".join)


@given(hosts=st.lists(HOST, min_size=1, max_size=30), seed=st.integers())
def test_every_mx_set_has_one_key_that_fits_its_column(hosts: list[str], seed: int) -> None:
    shuffled = random.Random(seed).sample(hosts, len(hosts))
    assert tail_key(hosts) == tail_key(shuffled)
    assert len(tail_key(hosts)) <= 255


@given(domain=st.text(max_size=50), hosts=st.lists(st.text(max_size=50), max_size=3))
def test_any_words_have_a_provider(domain: str, hosts: list[str]) -> None:
    assert CATALOGUE.provider_of(domain, hosts)
