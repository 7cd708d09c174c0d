"""Retries, rest, disabling: the pure rules, and what becomes of rows."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.models import WebhookEndpoint
from delivery.webhooks import claim
from delivery.webhooks.finish import Done, finish
from delivery.webhooks.kinds import TEST
from delivery.webhooks.retry import DELAYS_S, GIVE_UP_AFTER, IN_TROUBLE, asked_wait_s, left_alone_until, next_try
from delivery.webhooks.rooms import MOST_A_TENANT, MOST_AN_ENDPOINT, MOST_FOR_THE_SLOW, MOST_IN_ALL, Asking, deal
from delivery.webhooks.upkeep import forget_old
from mailplatform.shell.models import Notice
from tests.queue.house import House, connect, rows
from tests.webhooks.house import endpoint, happens, states, time_passes

NOW = datetime(2026, 11, 22, tzinfo=UTC)
rows_only = pytest.mark.django_db(transaction=True)


def test_an_event_is_tried_for_a_day_and_then_given_up() -> None:
    dice, at, tries = random.Random(1), NOW, 0
    while (again := next_try(tries := tries + 1, at, NOW + GIVE_UP_AFTER, 0, dice.random)) is not None:
        assert timedelta(seconds=1) <= again - at <= timedelta(seconds=max(DELAYS_S))
        at = again
    assert timedelta(hours=18) < at - NOW < timedelta(hours=24) and 8 < tries < 40


@given(tries=st.integers(1, 500), asked=st.floats(0, 3600), dice=st.floats(0, 1))
def test_a_receiver_that_asks_for_time_gets_it(tries: int, asked: float, dice: float) -> None:
    again = next_try(tries, NOW, NOW + GIVE_UP_AFTER, asked, lambda: dice)
    assert again is None or again - NOW >= timedelta(seconds=max(1, asked) - 0.001)


@pytest.mark.parametrize(
    "said, seconds", [("30", 30), ("999999", 3600), ("0", 0), (None, 0), ("-5", 0), ("Fri, 31 Dec 1999 23:59:59 GMT", 0), ("٣", 0), ("9" * 40, 0)]
)
def test_retry_after_is_bounded(said: str | None, seconds: float) -> None:
    assert asked_wait_s(said) == seconds


def test_an_endpoint_rests_from_the_fifth_failure_on() -> None:
    assert left_alone_until(IN_TROUBLE - 1, NOW, 0, lambda: 1) is None
    waits = [left_alone_until(IN_TROUBLE + more, NOW, 0, lambda: 1) for more in range(8)]
    assert [(until - NOW).total_seconds() for until in waits if until] == [5, 30, 120, 600, 1800, 3600, 3600, 3600]


@given(
    asking=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 8), st.booleans()), unique_by=lambda one: one[0], max_size=60),
    flying=st.dictionaries(st.integers(1, 60), st.integers(0, 8), max_size=20), slow=st.sets(st.integers(1, 60), max_size=30),
)  # fmt: skip
def test_nobody_has_more_than_their_share(asking: list[tuple[int, int, bool]], flying: dict[int, int], slow: set[int]) -> None:
    rooms = deal([Asking(*one) for one in asking], flying, {}, slow, 0)
    assert all(flying.get(id_, 0) + room <= MOST_AN_ENDPOINT for id_, room in rooms.items())
    assert sum(rooms.values()) <= max(0, MOST_IN_ALL - sum(flying.values()))
    troubled = {id_ for id_, _, trouble in asking if trouble} | slow
    assert sum(room for id_, room in rooms.items() if id_ in troubled) <= MOST_FOR_THE_SLOW
    for tenant in {tenant for _, tenant, _ in asking}:
        assert sum(rooms.get(id_, 0) for id_, its, _ in asking if its == tenant) <= MOST_A_TENANT


def test_who_has_nothing_in_flight_comes_first() -> None:
    crowd = [Asking(number, number, False) for number in range(1, 27)]
    flying = dict.fromkeys(range(1, 26), 7)
    assert deal(crowd, flying, {}, set(), 0)[26] == 7, "as many as the others have, before anybody gets another"


def fail(house: House, number: int = 1, **changed: object) -> Done:
    """Take what is due, and fail it."""
    with connect() as raw:
        (target,) = claim.asking(raw)
        ((one, *_), _) = claim.take(raw, {target.endpoint_id: 1})
        values = {"status": 500, "problem": "it answered 500", **changed}
        done = Done(one.id, one.tenant_id, one.endpoint_id, one.kind, one.tries, one.give_up_at, datetime.now(UTC), 5, **values)  # type: ignore[arg-type]
        finish(raw, [done], lambda: 1.0)
    return done


@rows_only
def test_a_success_ends_the_failures() -> None:
    house = House.build()
    endpoint(house.tenant)
    happens(house.tenant, messages=8)
    for _ in range(IN_TROUBLE):
        fail(house)
    failing = WebhookEndpoint.objects.get()
    assert failing.failures == IN_TROUBLE and failing.retry_at is not None and failing.last_problem == "it answered 500"
    with connect() as raw:
        assert claim.asking(raw) == [], "it rests"
        time_passes()
        assert claim.asking(raw)[0].in_trouble
    fail(house, status=200, problem="")
    well = WebhookEndpoint.objects.get()
    assert (well.failures, well.failing_since, well.retry_at) == (0, None, None) and well.last_success_at


@rows_only
def test_what_failed_together_counts_once() -> None:
    house = House.build()
    made = endpoint(house.tenant)
    happens(house.tenant, messages=6)
    with connect() as raw:
        taken, _ = claim.take(raw, {made.pk: 6})
        at = datetime.now(UTC)
        for one in taken:
            finish(raw, [Done(one.id, one.tenant_id, one.endpoint_id, one.kind, one.tries, one.give_up_at, at, 5, 500, "it answered 500")], lambda: 1.0)
    assert WebhookEndpoint.objects.get().failures == 1


@rows_only
def test_gone_disables_at_once_and_somebody_is_told() -> None:
    house = House.build()
    made = endpoint(house.tenant)
    happens(house.tenant, messages=2)
    fail(house, status=410, problem="it answered 410")
    row = WebhookEndpoint.objects.get()
    assert row.state == "disabled" and "410" in row.stopped_why
    assert f"/webhooks/{made.pk}/" == Notice.objects.get(kind="webhook_disabled").link
    with connect() as raw:
        assert claim.asking(raw) == []
    assert states() == {"pending": 2}, "kept for when it is enabled"


@rows_only
def test_three_days_of_failures_disable() -> None:
    house = House.build()
    endpoint(house.tenant, failures=20, failing_since=datetime.now(UTC) - timedelta(days=3, minutes=1), last_failure_at=datetime.now(UTC) - timedelta(hours=1))
    happens(house.tenant, messages=1)
    fail(house)
    assert WebhookEndpoint.objects.get().state == "disabled"


@rows_only
def test_an_event_that_is_given_up_lets_the_next_of_its_message_go() -> None:
    house = House.build()
    endpoint(house.tenant)
    happens(house.tenant, messages=1, each=2)
    rows("UPDATE delivery_webhookevent SET give_up_at = platform_now() WHERE kind = 'message.accepted' RETURNING 1")
    fail(house)
    assert states() == {"failed": 1, "pending": 1}
    assert rows("SELECT kind, due_at <= platform_now() FROM delivery_webhookevent WHERE state = 'pending'") == [("message.delivered", True)]


@rows_only
def test_a_late_failure_moves_nothing_that_was_tried_anew() -> None:
    house = House.build()
    endpoint(house.tenant)
    happens(house.tenant, messages=1)
    late = fail(house)
    time_passes()
    with connect() as raw:
        ((again, *_), _) = claim.take(raw, {late.endpoint_id: 1})
        before = rows("SELECT due_at, tries FROM delivery_webhookevent")
        finish(raw, [late], lambda: 1.0)
        assert rows("SELECT due_at, tries FROM delivery_webhookevent") == before and again.tries == 2


@rows_only
def test_a_test_goes_to_a_paused_endpoint_once_and_says_nothing_of_its_events() -> None:
    from delivery.webhooks import endpoints

    house = House.build()
    made = endpoint(house.tenant, state="paused")
    happens(house.tenant, messages=1)
    endpoints.test(made)
    with connect() as raw:
        assert claim.asking(raw) == []
        (taken,), (target,) = claim.take_tests(raw)
        assert taken.kind == TEST and target.endpoint_id == made.pk
        finish(raw, [Done(taken.id, taken.tenant_id, made.pk, TEST, 1, taken.give_up_at, datetime.now(UTC), 5, 500, "it answered 500")], lambda: 1.0)
        assert claim.take_tests(raw) == ([], [])
    assert states() == {"failed": 1, "pending": 1} and WebhookEndpoint.objects.get().failures == 0


@rows_only
def test_what_is_older_than_the_log_goes_whatever_became_of_it() -> None:
    house = House.build()
    endpoint(house.tenant)
    happens(house.tenant, messages=3)
    fail(house)
    rows("UPDATE delivery_webhookevent SET at = at - interval '8 days' WHERE id IN (SELECT id FROM delivery_webhookevent ORDER BY id LIMIT 2) RETURNING 1")
    with connect() as raw:
        assert forget_old(raw, 7) is False
    assert states() == {"pending": 1} and rows("SELECT count(*) FROM delivery_webhooktry") == [(1,)]
