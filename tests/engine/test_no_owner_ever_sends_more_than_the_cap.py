"""A capped path over many buckets: owners come and go, die with credit and messages in hand, answers are slow; no rolling window at the provider holds more."""

import random
from collections import deque
from collections.abc import Iterator

import psycopg
import pytest

from delivery.engine import credit
from delivery.engine.credit import Ledger, dealt_out, left_over, to_deal
from delivery.engine.pace import Trial
from delivery.engine.path import Path, Spent
from pools.providers.profile import Profile
from pools.windows import DAY_S, HOUR_S
from tests.queue.house import House, connect, knows

pytestmark = pytest.mark.django_db(transaction=True)
SLOWEST_S = {HOUR_S: 90.0, DAY_S: 1800.0}


@pytest.fixture(autouse=True)
def _shifted_time_is_boot_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Time is the database's here, shifted step by step; boot time goes along."""
    now = [0.0]
    monkeypatch.setattr(credit.windows, "boot_s", lambda: now[0])
    monkeypatch.setattr(credit.time, "monotonic", lambda: now[0])
    yield now


@pytest.mark.parametrize(("window_s", "cap", "step_s", "windows"), [(HOUR_S, 300, 12.0, 3), (DAY_S, 480, 240.0, 3)])
@pytest.mark.parametrize("seed", [1, 2])
def test_in_every_rolling_window(window_s: int, cap: int, step_s: float, windows: int, seed: int, _shifted_time_is_boot_time: list[float]) -> None:
    counted = _simulate(window_s, cap, step_s, windows, random.Random(seed), False, _shifted_time_is_boot_time)
    assert 0.5 * cap < _most_in_a_window(counted, window_s) <= cap


def test_an_owner_that_lives_uses_nearly_all_of_it(_shifted_time_is_boot_time: list[float]) -> None:
    counted = _simulate(HOUR_S, 300, 12.0, 4, random.Random(1), True, _shifted_time_is_boot_time)
    assert _most_in_a_window(counted, HOUR_S) <= 300
    later = len([at for at in counted if HOUR_S <= at < 4 * HOUR_S])
    assert later >= 0.95 * 300 * 3


def test_a_warming_paths_next_owner_makes_up_for_what_nobody_sent(_shifted_time_is_boot_time: list[float]) -> None:
    """Its owner dies, and for twenty minutes nobody has it."""
    cap, dies_s, gap_s, clock = 300, 1.5 * HOUR_S, 1200.0, _shifted_time_is_boot_time
    house, provider = House.build(), knows("gmail.com")
    sent: list[float] = []
    with connect() as raw:
        start, now, owned_since_s = _at(raw, 0.0), 0.0, -1.0
        while now < dies_s + 2 * HOUR_S:
            if owned_since_s < 0 or owned_since_s < dies_s + gap_s <= now:
                path, ledger, owned_since_s = Path.new(house.ips[0].id, provider.id, Profile(), owned_since_s=now), Ledger(), now
                path.look("open", 100.0, Trial(warm_per_hour=cap), now)
            path.wanted_at_s = now
            dealt_out(ledger.deal(raw, to_deal([path], now)), {path.key: path}, now)
            while path.pace and path.pace.due(now) and (spent := path.spend(now)):
                path.answered(spent, now)
                sent.append(now)
            now += gap_s if now < dies_s <= now + 5.0 else 5.0
            now = clock[0] = _at(raw, now) - start
    assert _most_in_a_window(sent, HOUR_S) <= cap
    assert len([at for at in sent if at >= dies_s]) >= 0.95 * 2 * cap
    assert max(len([at for at in sent if since <= at < since + 600]) for since in sent) <= 2 * cap / 6 + cap / 40 + 2, "not at once"


def _simulate(window_s: int, cap: int, step_s: float, windows: int, dice: random.Random, calm: bool, clock: list[float]) -> list[float]:
    """When the provider counted each. Demand is always there; who dies leaves what it had written to be counted within two seconds."""
    house, provider = House.build(), knows("gmail.com")
    profile = Profile(**{"per_hour" if window_s == HOUR_S else "per_day": cap})  # type: ignore[arg-type]
    counted: list[float] = []
    flying: list[tuple[float, Path, Spent]] = []
    with connect() as raw:
        start = _at(raw, 0.0)
        path, ledger = Path.new(house.ips[0].id, provider.id, profile), Ledger()
        for n in range(round(windows * window_s / step_s)):
            now = clock[0] = _at(raw, n * step_s) - start
            for lands, owner, spent in [one for one in flying if one[0] <= now]:
                counted.append(lands)
                owner.answered(spent, now)
            flying = [one for one in flying if one[0] > now]
            if not calm and dice.random() < 0.02:  # a new owner; half of the old ones die with what they hold
                if dice.random() < 0.5:
                    counted += [lands for lands, _, _ in flying]
                    flying = []
                    ledger.deal(raw, left_over([path], now))
                else:
                    counted += [min(lands, now + dice.uniform(0, 2)) for lands, _, _ in flying]
                    flying = []
                path, ledger = Path.new(path.ip_id, path.provider_id, profile), Ledger()
            path.sent_per_s, path.wanted_at_s = (1.0 if calm else dice.uniform(0.1, 2.0)), now
            dealt_out(ledger.deal(raw, to_deal([path], now)), {path.key: path}, now)
            for _ in range(dice.randint(0, 12)):
                spent = path.spend(now)
                if spent and not calm and dice.random() < 0.2:
                    path.answered(spent, now)
                    path.not_written(spent, now)
                elif spent:
                    flying.append((now + dice.choice([0.0, 0.0, 0.5, dice.uniform(0, 0.0 if calm else SLOWEST_S[window_s])]), path, spent))
        counted += [lands for lands, _, _ in flying]
    return sorted(counted)


def _at(raw: psycopg.Connection, shift_s: float) -> float:
    raw.execute("SELECT set_config('mailplatform.clock_shift', %s, false)", [f"{shift_s:.3f} seconds"])
    return float(raw.execute("SELECT extract(epoch FROM platform_now())::float8").fetchone()[0])  # type: ignore[index]


def _most_in_a_window(counted: list[float], window_s: float) -> int:
    most, recent = 0, deque[float]()
    for at in counted:
        recent.append(at)
        while recent[0] <= at - window_s:
            recent.popleft()
        most = max(most, len(recent))
    return most
