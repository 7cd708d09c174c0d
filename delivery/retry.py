"""When to try again.

Owns: one schedule a purpose. Promises: pure; every wait lies within ±JITTER of the schedule's and waits only grow, but for a last call shortly before
the message expires; None when no try is left, which ends it. What is quick for a one-time password would be a nuisance
for a campaign, so the purposes differ; RFC 5321 §4.5.4.1 (30 minutes between tries, give up after 4 to 5 days) is where marketing
starts and where all of them end. Never: reads a clock or draws a random number (jitter comes in, 0 to 1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from pools.purposes import Purpose

JITTER = 0.2  # a provider's outage must not end in everybody's retries at one moment
GREYLIST_FIRST_S = 300  # what greylisting servers ask for: Postgrey's and most others' five minutes
LAST_CALL_S = 60  # a wait that would overshoot the expiry is cut to end before it, if that still leaves this much

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits after the first, second, … failed attempt; the last one repeats. `expires_after_s` counts from submission."""

    waits_s: tuple[int, ...]
    expires_after_s: int
    greylist_first_s: int = GREYLIST_FIRST_S

    def wait_s(self, attempts: int) -> int:
        """The wait after this many failed attempts, before jitter."""
        return self.waits_s[min(max(attempts, 1), len(self.waits_s)) - 1]


POLICIES: Mapping[Purpose, RetryPolicy] = MappingProxyType(
    {
        # A password that comes after a quarter of an hour is worth little: try often while it is worth something.
        Purpose.TRANSACTIONAL: RetryPolicy(
            (10, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 20 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR), _DAY
        ),
        Purpose.NOTIFICATION: RetryPolicy(
            (_MINUTE, 5 * _MINUTE, 10 * _MINUTE, 20 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR), 3 * _DAY
        ),
        Purpose.MARKETING: RetryPolicy((10 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 3 * _HOUR, 4 * _HOUR, 6 * _HOUR), 5 * _DAY),
    }
)


def next_attempt_at(
    policy: RetryPolicy, attempts: int, now: datetime, expires_at: datetime, jitter: float = 0.5, *, greylisted: bool = False, at_least_s: float = 0
) -> datetime | None:
    """When to try again after `attempts` failed ones, or None when the message has expired by then.

    `jitter` 0 to 1 spreads the wait over ±20 %. `at_least_s`: what the reply itself asked for ("try again in 600
    seconds"). `greylisted`: without such a word at least five minutes, because coming early can start the delay again.
    """
    jitter = min(max(jitter, 0.0), 1.0)
    least_s = at_least_s or (policy.greylist_first_s if greylisted else 0)
    planned_s = policy.wait_s(attempts)
    wait_s = planned_s * (1 - JITTER + 2 * JITTER * jitter)
    if wait_s < least_s:  # what was asked for is a lower bound: spread to the late side only
        wait_s = least_s * (1 + JITTER * jitter)
    left_s = (expires_at - now).total_seconds()
    if wait_s < left_s:
        return now + timedelta(seconds=wait_s)
    last_call_s = left_s - LAST_CALL_S
    return now + timedelta(seconds=last_call_s) if last_call_s >= max(least_s, planned_s / 2, 1) else None
