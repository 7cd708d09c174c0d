"""The memory of broken TLS: one tries, the others wait, a success forgets, and engines tell each other."""

import pytest

from delivery.smtp.failure import ConnectFailure
from delivery.smtp.target import TlsMode
from delivery.smtp.wire import Failure, Phase, Reply
from delivery.tlspolicy.broken import FIRST_S, LAST_S, PROBE_S, BrokenHosts, is_broken_tls
from delivery.tlspolicy.store import exchange_broken
from tests.queue.house import connect

HOST, DAYS_S = "mx.a.test", 3 * 86_400.0
NONE_OFFERED = ConnectFailure(Phase.STARTTLS, Failure.TLS_NOT_OFFERED, detail="mx.a.test offers no STARTTLS")


def broken(at_s: float = 1000.0) -> BrokenHosts:
    hosts = BrokenHosts()
    hosts.failed(HOST, TlsMode.REQUIRED, NONE_OFFERED, at_s, DAYS_S)
    return hosts


def test_nobody_connects_before_the_time_has_come_and_then_one_does() -> None:
    hosts = broken()
    known = hosts.waits(HOST, TlsMode.REQUIRED, 1010.0)
    assert known is not None and known.failure is Failure.TLS_NOT_OFFERED and known.wait_s == pytest.approx(FIRST_S - 10)
    assert "offers no STARTTLS" in known.detail and "in 20 s" in known.detail
    assert hosts.waits(HOST, TlsMode.REQUIRED, 1000.0 + FIRST_S) is None  # this one tries
    assert hosts.waits(HOST, TlsMode.REQUIRED, 1001.0 + FIRST_S) is not None  # and the others wait for it
    assert hosts.waits(HOST, TlsMode.REQUIRED, 1000.0 + FIRST_S + PROBE_S) is None  # but not for one that never came back


def test_each_failure_doubles_the_wait_up_to_an_hour_and_long_peace_begins_anew() -> None:
    hosts, now = BrokenHosts(), 0.0
    waits = []
    for _ in range(10):
        waits.append(hosts.failed(HOST, TlsMode.REQUIRED, NONE_OFFERED, now, DAYS_S))
        now += waits[-1]
    assert waits[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S] and waits[-1] == LAST_S
    assert hosts.failed(HOST, TlsMode.REQUIRED, NONE_OFFERED, now + DAYS_S + 1, DAYS_S) == FIRST_S


def test_a_handshake_that_held_forgets_it_at_once() -> None:
    hosts = broken()
    hosts.worked(HOST, TlsMode.REQUIRED)
    assert hosts.waits(HOST, TlsMode.REQUIRED, 1001.0) is None


def test_one_kind_of_proof_says_nothing_of_another() -> None:
    """A certificate that a policy wants may be missing at a host that encrypts well for everybody else."""
    hosts = BrokenHosts()
    hosts.failed(HOST, TlsMode.MTA_STS, ConnectFailure(Phase.STARTTLS, Failure.TLS_CERTIFICATE), 0.0, DAYS_S)
    assert hosts.waits(HOST, TlsMode.MTA_STS, 1.0) is not None
    assert hosts.waits(HOST, TlsMode.REQUIRED, 1.0) is None
    assert hosts.waits(HOST, TlsMode.NONE, 1.0) is None  # an operator's exception goes at once


@pytest.mark.parametrize(
    ("failure", "yes"),
    [
        (ConnectFailure(Phase.STARTTLS, Failure.TLS_HANDSHAKE, Reply(454, "4.7.0", ("no",))), True),
        (ConnectFailure(Phase.EHLO, Failure.TLS_NOT_OFFERED), True),
        (ConnectFailure(Phase.STARTTLS, Failure.CUT), True),
        (ConnectFailure(Phase.STARTTLS, Failure.PROTOCOL), True),
        (ConnectFailure(Phase.STARTTLS, Failure.TLS_DANE), True),
        (ConnectFailure(Phase.STARTTLS, Failure.REFUSED, Reply(421, None, ("busy",))), False),
        (ConnectFailure(Phase.CONNECT, Failure.TIMEOUT), False),
        (ConnectFailure(Phase.BANNER, Failure.CUT), False),
    ],
)
def test_only_tls_is_broken_tls(failure: ConnectFailure, yes: bool) -> None:
    assert is_broken_tls(failure) is yes


@pytest.mark.django_db(transaction=True)
def test_engines_tell_each_other() -> None:
    here, there = broken(), BrokenHosts()
    with connect() as connection:
        here.learn(exchange_broken(connection, *here.take_news()))
        assert not here.has_news
        there.learn(exchange_broken(connection, *there.take_news()))
        assert there.waits(HOST, TlsMode.REQUIRED, 1010.0) is not None
        there.worked(HOST, TlsMode.REQUIRED)
        there.learn(exchange_broken(connection, *there.take_news()))
        here.learn(exchange_broken(connection, *here.take_news()))
    assert here.waits(HOST, TlsMode.REQUIRED, 1010.0) is None


@pytest.mark.django_db(transaction=True)
def test_what_could_not_be_written_is_not_forgotten() -> None:
    hosts = broken()
    news = hosts.take_news()
    hosts.untake(*news)
    with connect() as connection:
        assert exchange_broken(connection, *hosts.take_news())[0].host == HOST
