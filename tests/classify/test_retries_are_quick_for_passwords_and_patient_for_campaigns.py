"""Retry schedules."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.retry import GREYLIST_FIRST_S, JITTER, POLICIES, next_attempt_at
from pools.purposes import Purpose

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PURPOSES = st.sampled_from(list(Purpose))
FAR = NOW + timedelta(days=30)


def wait_s(purpose: Purpose, attempts: int, jitter: float = 0.5, **more: float) -> float:
    at = next_attempt_at(POLICIES[purpose], attempts, NOW, FAR, jitter, **more)  # type: ignore[arg-type]
    assert at is not None
    return (at - NOW).total_seconds()


def test_a_one_time_password_is_tried_again_at_once_and_a_campaign_is_not() -> None:
    assert [wait_s(Purpose.TRANSACTIONAL, n) for n in (1, 2, 3, 4, 5)] == [10, 30, 60, 120, 300]
    assert wait_s(Purpose.NOTIFICATION, 1) == 60
    assert wait_s(Purpose.MARKETING, 1) == 600


@given(purpose=PURPOSES, attempts=st.integers(0, 100), jitter=st.floats(0, 1))
def test_every_wait_lies_within_the_jitter(purpose: Purpose, attempts: int, jitter: float) -> None:
    planned = POLICIES[purpose].wait_s(attempts)
    assert planned * (1 - JITTER) - 1 <= wait_s(purpose, attempts, jitter) <= planned * (1 + JITTER) + 1


@given(purpose=PURPOSES, attempts=st.integers(1, 50), jitter=st.floats(0, 1))
def test_waits_only_grow(purpose: Purpose, attempts: int, jitter: float) -> None:
    assert wait_s(purpose, attempts, jitter) <= wait_s(purpose, attempts + 1, jitter)


@given(purpose=PURPOSES, attempts=st.integers(1, 50), jitter=st.floats(0, 1), left_s=st.floats(-1000, 500_000))
def test_no_try_is_planned_after_the_message_has_expired(purpose: Purpose, attempts: int, jitter: float, left_s: float) -> None:
    expires_at = NOW + timedelta(seconds=left_s)
    at = next_attempt_at(POLICIES[purpose], attempts, NOW, expires_at, jitter)
    assert at is None or NOW < at < expires_at


@pytest.mark.parametrize("purpose", list(Purpose))
def test_every_schedule_ends_with_its_message(purpose: Purpose) -> None:
    policy, now, attempts = POLICIES[purpose], NOW, 0
    expires_at = NOW + timedelta(seconds=policy.expires_after_s)
    while (at := next_attempt_at(policy, attempts + 1, now, expires_at)) is not None:
        assert at > now
        now, attempts = at, attempts + 1
        assert attempts < 100
    assert now > expires_at - timedelta(seconds=policy.waits_s[-1])  # tried until near the end
    assert attempts >= 8


@given(purpose=PURPOSES, attempts=st.integers(1, 9), jitter=st.floats(0, 1))
def test_a_greylisted_message_is_never_early(purpose: Purpose, attempts: int, jitter: float) -> None:
    assert wait_s(purpose, attempts, jitter, greylisted=True) >= GREYLIST_FIRST_S


@given(purpose=PURPOSES, attempts=st.integers(1, 9), jitter=st.floats(0, 1), asked_s=st.integers(0, 20_000))
def test_what_the_server_asked_for_is_kept(purpose: Purpose, attempts: int, jitter: float, asked_s: int) -> None:
    assert wait_s(purpose, attempts, jitter, at_least_s=asked_s) >= asked_s


def test_an_expired_message_is_not_tried_again() -> None:
    assert next_attempt_at(POLICIES[Purpose.TRANSACTIONAL], 1, NOW, NOW, 0.5) is None
