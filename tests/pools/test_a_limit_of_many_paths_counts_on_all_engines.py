"""Scoped limits: one count for the cluster, however many engines meet the replies; down at once, up in steps; deleting lifts."""

import threading

import pytest

from pools.learned import from_json, recover
from pools.models import ScopedLimit
from pools.outcomes import ActionKind, ActionScope, PathAction
from pools.providers.profile import Profile
from pools.scoped import RESTART_PER_MINUTE, Match, Whom, after, forget_old, live, netblock_of, tell
from tests.queue.house import connect

pytestmark = pytest.mark.django_db(transaction=True)
TENANT = Whom(ActionScope.TENANT, "7", 3)


def _match(now_s: float, whom: Whom = TENANT, count: int = 1, duration_s: int = 600) -> Match:
    action = PathAction(ActionKind.SUSPEND, ActionScope(whom.scope), duration_s, count, 3600)
    return Match(whom, action, "g-content", now_s, "g-content: 550 5.7.1 spam", Profile())


def _wall() -> float:
    with connect() as raw:
        return float(raw.execute("SELECT extract(epoch FROM platform_now())::float8").fetchone()[0])  # type: ignore[index]


def test_a_trigger_counts_matches_of_all_engines_together() -> None:
    now = _wall()
    for _ in range(4):
        with connect() as engine:
            tell(engine, [_match(now, count=5)])
    with connect() as raw:
        assert [from_json(row.learned).suspended_until_s for row in live(raw)] == [0.0]
        tell(raw, [_match(now, count=5)])
        assert [from_json(row.learned).suspended_until_s for row in live(raw)] == [now + 600]


def test_engines_that_tell_at_the_same_moment_lose_no_match() -> None:
    now = _wall()

    def engine() -> None:
        with connect() as raw:
            for _ in range(10):
                tell(raw, [_match(now, count=41), _match(now, Whom(ActionScope.NETBLOCK, "192.0.2.0/24", 3), count=41)])

    threads = [threading.Thread(target=engine) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with connect() as raw:
        assert [len(from_json(row.learned).matches["g-content"]) for row in live(raw)] == [40, 40]


def test_what_has_ended_is_not_read_and_deleting_lifts() -> None:
    now = _wall()
    with connect() as raw:
        tell(raw, [_match(now - 5000), _match(now, Whom(ActionScope.IP, "1", 0))])
        assert [row.scope for row in live(raw)] == ["ip"]
        ScopedLimit.objects.filter(scope="ip").delete()
        assert live(raw) == [] and forget_old(raw) == 0


def test_a_sender_comes_back_in_steps_and_never_at_full_speed_at_once() -> None:
    learned, rates = after(_match(0.0), from_json({})), []
    assert learned.suspended_until_s == 600
    for minute in range(10, 20):
        now = recover(learned, 60.0 * minute + 1)
        assert now.suspended_until_s == 0
        rates.append(now.per_minute.value if now.per_minute else None)
    assert rates == [RESTART_PER_MINUTE * 2**n for n in range(7)] + [None] * 3


@pytest.mark.parametrize(("address", "network"), [("203.0.113.9", "203.0.113.0/24"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64")])
def test_a_netblock_is_what_providers_count_together(address: str, network: str) -> None:
    assert netblock_of(address) == network
