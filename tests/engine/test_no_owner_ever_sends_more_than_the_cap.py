"""A capped path over many buckets: owners come and go, die with credit in hand, take messages back; no rolling window ever holds more."""

import random
from collections import deque

import psycopg
import pytest

from delivery.engine.allowance import DAY_S, HOUR_S, Want, ask, hand_back
from delivery.engine.path import Path
from pools.providers.profile import Profile
from tests.queue.house import House, connect, knows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("window_s", "cap", "step_s", "windows"), [(HOUR_S, 300, 12.0, 3), (DAY_S, 480, 240.0, 3)])
@pytest.mark.parametrize("seed", [1, 2])
def test_in_every_rolling_window(window_s: int, cap: int, step_s: float, windows: int, seed: int) -> None:
    sent = _simulate(window_s, cap, step_s, windows, random.Random(seed), calm=False)
    assert _most_in_a_window(sent, window_s) <= cap


def test_an_owner_that_lives_uses_nearly_all_of_it() -> None:
    sent = _simulate(HOUR_S, 300, 12.0, 4, random.Random(1), calm=True)
    assert _most_in_a_window(sent, HOUR_S) <= 300
    later = len([at for at in sent if at >= HOUR_S])
    assert later >= 0.9 * 300 * 3


def _simulate(window_s: int, cap: int, step_s: float, windows: int, dice: random.Random, calm: bool) -> list[float]:
    """When each RCPT was written. Demand is always there; time is the database's, shifted step by step."""
    house, provider = House.build(), knows("gmail.com")
    profile = Profile(**{"per_hour" if window_s == HOUR_S else "per_day": cap})  # type: ignore[arg-type]
    sent: list[float] = []
    with connect() as raw:
        start = _at(raw, 0.0)
        path = Path.new(house.ips[0].id, provider.id, profile)
        for n in range(round(windows * window_s / step_s)):
            now = _at(raw, n * step_s) - start
            if not calm and dice.random() < 0.02:  # a new owner; half of the old ones die with what they hold
                if dice.random() < 0.5:
                    _give_up(raw, path)
                path = Path.new(path.ip_id, path.provider_id, profile)
            _top_up(raw, path, window_s, now, 1.0 if calm else dice.uniform(0.1, 2.0))
            for _ in range(dice.randint(0, 12)):
                spent = path.spend(now)
                if spent and not calm and dice.random() < 0.2:
                    path.not_written(spent, now)
                elif spent:
                    sent.append(now)
    return sent


def _top_up(raw: psycopg.Connection, path: Path, window_s: int, now: float, per_second: float) -> None:
    assert path.allowance
    for window, amount in path.allowance.wants(per_second, now).items():
        (granted,) = ask(raw, [Want(path.ip_id, path.provider_id, window, path.allowance.windows[window].cap, amount)])
        if rest := path.allowance.take(granted, now):
            hand_back(raw, [(path.ip_id, path.provider_id, window, *rest)])


def _give_up(raw: psycopg.Connection, path: Path) -> None:
    assert path.allowance
    hand_back(raw, [(path.ip_id, path.provider_id, window_s, *rest) for window_s, rest in path.allowance.unspent().items()])


def _at(raw: psycopg.Connection, shift_s: float) -> float:
    raw.execute("SELECT set_config('mailplatform.clock_shift', %s, false)", [f"{shift_s:.3f} seconds"])
    return float(raw.execute("SELECT extract(epoch FROM platform_now())::float8").fetchone()[0])  # type: ignore[index]


def _most_in_a_window(sent: list[float], window_s: float) -> int:
    most, recent = 0, deque[float]()
    for at in sent:
        recent.append(at)
        while recent[0] <= at - window_s:
            recent.popleft()
        most = max(most, len(recent))
    return most
