"""Discovery: when a policy is fetched, what it leaves behind when it cannot be, and how long the first mail waits."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from delivery.tlspolicy import store
from delivery.tlspolicy.fetch import FetchFailed
from delivery.tlspolicy.mta_sts import Mode, Policy
from delivery.tlspolicy.policies import Policies
from tests.queue.house import connect

pytestmark = pytest.mark.django_db(transaction=True)
FILE = b"version: STSv1\nmode: %s\nmx: mx.a.test\nmax_age: 604800\n"


class Domain:
    """A domain's DNS and web server, and an engine's database connection."""

    def __init__(self) -> None:
        self.texts: tuple[str, ...] | None = ("v=STSv1; id=1;",)
        self.file: bytes | Exception = FILE % b"enforce"
        self.delay_s = 0.0
        self.fetched = 0
        self.late: list[tuple[str, Policy | None]] = []
        self.connection: psycopg.Connection = connect()
        self.policies = Policies(self._texts, self._fetch, self._run, lambda *told: self.late.append(told), first_mail_waits_s=0.3)

    async def _texts(self, name: str) -> tuple[str, ...] | None:
        assert name == "_mta-sts.a.test"
        return self.texts

    async def _fetch(self, domain: str) -> bytes:
        self.fetched += 1
        await asyncio.sleep(self.delay_s)
        if isinstance(self.file, Exception):
            raise self.file
        return self.file

    async def _run(self, function: Any, *arguments: Any) -> Any:
        return function(self.connection, *arguments)

    async def policy(self) -> Policy | None:
        """As the sorter asks, with what the table has."""
        return await self.policies.of("a.test", store.policies(self.connection, ["a.test"]).get("a.test"))

    def age(self, **columns: str) -> None:
        """Let time pass over the row."""
        moved = ", ".join(f"{name} = {name} - interval '{by}'" for name, by in columns.items())
        self.connection.execute(f"UPDATE delivery_mtastspolicy SET {moved}")


@pytest.fixture
def domain() -> Iterator[Domain]:
    one = Domain()
    yield one
    one.connection.close()


async def test_it_is_fetched_once_and_kept_while_its_id_is_the_same(domain: Domain) -> None:
    first, second = await domain.policy(), await domain.policy()
    assert first == Policy("1", Mode.ENFORCE, ("mx.a.test",), 604800)
    assert second is not None and (second.id, second.mx, domain.fetched) == ("1", ("mx.a.test",), 1)


async def test_another_id_and_a_day_are_reasons_to_fetch_again_but_not_within_five_minutes(domain: Domain) -> None:
    await domain.policy()
    domain.texts, domain.file = ("v=STSv1; id=2;",), FILE % b"testing"
    assert (await domain.policy()).mode is Mode.ENFORCE  # type: ignore[union-attr]
    domain.age(tried_at="6 minutes")
    assert (await domain.policy()).mode is Mode.TESTING  # type: ignore[union-attr]
    domain.age(tried_at="25 hours", fetched_at="25 hours")
    await domain.policy()
    assert domain.fetched == 3


@pytest.mark.parametrize("file", [FetchFailed("it answers 404"), b"<html>", FetchFailed("no certificate")])
async def test_a_policy_that_holds_outlives_a_fetch_that_fails(domain: Domain, file: bytes | Exception) -> None:
    """RFC 8461 §5.1: else whoever can break the fetch could take the policy away."""
    await domain.policy()
    domain.texts, domain.file = ("v=STSv1; id=2;",), file
    domain.age(tried_at="6 minutes")
    assert (await domain.policy()).mode is Mode.ENFORCE  # type: ignore[union-attr]
    assert domain.fetched == 2
    problem, mode = domain.connection.execute("SELECT problem, mode FROM delivery_mtastspolicy").fetchone()  # type: ignore[misc]
    assert problem and mode == "enforce"


@pytest.mark.parametrize("texts", [(), None, ("v=STSv1; id=1;", "v=STSv1; id=2;")])
async def test_a_record_that_is_gone_takes_nothing_away_before_the_policys_time(domain: Domain, texts: tuple[str, ...] | None) -> None:
    await domain.policy()
    domain.texts = texts
    assert (await domain.policy()).mode is Mode.ENFORCE  # type: ignore[union-attr]
    domain.age(expires_at="8 days")
    assert await domain.policy() is None


async def test_none_takes_a_policy_back(domain: Domain) -> None:
    await domain.policy()
    domain.texts, domain.file = ("v=STSv1; id=2;",), b"version: STSv1\nmode: none\nmax_age: 86400\n"
    domain.age(tried_at="6 minutes")
    assert (await domain.policy()).mode is Mode.NONE  # type: ignore[union-attr]


async def test_a_slow_one_holds_the_first_mail_for_a_bounded_time_and_the_next_by_its_word(domain: Domain) -> None:
    domain.delay_s = 0.8
    began = time.monotonic()
    assert await domain.policy() is None
    assert time.monotonic() - began < 0.7
    assert await domain.policy() is None and domain.fetched == 1  # nobody fetches it twice meanwhile
    deadline = time.monotonic() + 10
    while not domain.late:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    name, policy = domain.late[0]
    assert name == "a.test" and policy is not None and policy.mode is Mode.ENFORCE
    assert (await domain.policy()).mode is Mode.ENFORCE  # type: ignore[union-attr]


async def test_a_domain_without_a_record_is_never_fetched(domain: Domain) -> None:
    domain.texts = ("v=spf1 -all",)
    assert await domain.policy() is None and domain.fetched == 0


async def test_what_is_over_for_long_is_forgotten(domain: Domain) -> None:
    await domain.policy()
    assert store.forget_old(domain.connection) == 0
    domain.age(expires_at="60 days", tried_at="60 days")
    assert store.forget_old(domain.connection) == 1
