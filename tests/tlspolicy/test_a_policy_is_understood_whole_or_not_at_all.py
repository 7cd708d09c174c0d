"""MTA-STS records and policy files, as RFC 8461 writes them and as strangers do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.tlspolicy.mta_sts import LONGEST_MAX_AGE_S, Mode, Policy, Unreadable, read_policy, record_id

FILE = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n"


def test_the_rfcs_own_example_is_understood() -> None:
    policy = read_policy(FILE, "20160831085700Z")
    assert policy == Policy("20160831085700Z", Mode.ENFORCE, ("mail.example.com", "*.example.net", "backupmx.example.com"), 604800)


@pytest.mark.parametrize(
    ("texts", "id_"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (["v=spf1 -all", "v=STSv1;id=1"], "1"),
        (["v=STSv1; other=x; id=A1 ;"], "A1"),
        (["v=STSv1; id=1;", "v=STSv1; id=2;"], None),  # more than one: none (§3.1)
        (["v=STSv1; id=;"], None),
        (["v=STSv1; id=a-b;"], None),
        (["v=STSv1; id=" + "a" * 33], None),
        (["v=STSv1"], None),
        (["V=STSv1; id=1"], None),
        (["v=STSv1; id=1; id=2"], None),
        ([], None),
    ],
)
def test_a_record_names_a_policy_or_none(texts: list[str], id_: str | None) -> None:
    assert record_id(texts) == id_


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("mail.example.com", True),
        ("MAIL.example.com.", True),
        ("mx1.example.net", True),
        ("a.b.example.net", False),  # a wildcard is one label (§4.1)
        ("example.net", False),
        ("example.com", False),
        ("evilexample.net", False),
    ],
)
def test_a_pattern_names_hosts(host: str, named: bool) -> None:
    policy = read_policy(FILE, "1")
    assert policy.names(host) is named
    assert policy.outside([host]) == (() if named else (host,))


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\xff\xfe",
        b"mode: enforce\nmx: a.example\nmax_age: 1",
        b"version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 1",
        b"version: STSv1\nmode: ENFORCE\nmx: a.example\nmax_age: 1",
        b"version: STSv1\nmode: enforce\nmx: a.example",
        b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1",
        b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 12345678901",
        b"version: STSv1\nmode: enforce\nmax_age: 1",
        b"version: STSv1\nmode: enforce\nmx: *\nmax_age: 1",
        b"version: STSv1\nmode: enforce\nmx: a.*.example\nmax_age: 1",
        b"version: STSv1\nmode: enforce\nmx: a.example\nmx: 1 2 3\nmax_age: 1",
        b"<html>version: STSv1</html>",
        b"version: STSv1\nmode: enforce\n" + b"".join(b"mx: a%d.example\n" % n for n in range(300)) + b"max_age: 1",
    ],
)
def test_what_is_no_policy_is_refused_in_words(file: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read_policy(file, "1")
    assert str(caught.value)


def test_lenience_ends_where_the_rfc_says() -> None:
    """Bare LF, space around values, unknown keys, the first of what is repeated, a longest age."""
    policy = read_policy(b"version:STSv1\nfuture: x\nmode: testing \nmode: enforce\nmx:  A.example. \nmx: a.example\nmax_age: 9999999999\n", "1")
    assert policy == Policy("1", Mode.TESTING, ("a.example",), LONGEST_MAX_AGE_S)
    assert read_policy(b"version: STSv1\nmode: none\nmax_age: 86400", "2").mode is Mode.NONE


@given(st.binary(max_size=300), st.lists(st.text(max_size=60), max_size=4))
def test_nothing_a_stranger_writes_surprises(file: bytes, texts: list[str]) -> None:
    record_id(texts)
    try:
        read_policy(b"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1\n" + file, "1")
    except Unreadable:
        pass
