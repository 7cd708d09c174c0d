"""However an IP came into a pool, by SQL too: until warming has looked at its past, or begins nothing by itself, its paths have small caps."""

import psycopg
import pytest

from delivery.engine.owned import UNKNOWN
from delivery.engine.pace import FREE, Trial
from delivery.engine.world import World, load_world
from delivery.queue.fence import register
from mailplatform.shell.clock import now
from pools.models import Path, SendingIP
from tests.queue.house import House, connect, knows
from warming.start import consider, first_policy, mark_warm, policy
from warming.warmups import WarmingPolicy

pytestmark = pytest.mark.django_db(transaction=True)
CAPPED = Trial(warm_per_hour=UNKNOWN[0], warm_per_day=UNKNOWN[1])


def _world(raw: psycopg.Connection, house: House, engine: int) -> World:
    return load_world(raw, engine, house.node.name, None)


@pytest.fixture
def house() -> House:
    WarmingPolicy.objects.create(id=1, counted_to=now())
    house = House.build()  # its IPs are members by one INSERT, past the platform's own code
    knows("gmail.com")
    return house


def test_from_the_moment_in_which_it_is_taken_until_somebody_has_looked(house: House) -> None:
    unknown, warm = house.ips
    mark_warm([warm], "It sent from our old system.")
    provider = knows("gmail.com").id
    with connect() as raw:
        engine = register(raw, house.node.name, 0, 1)
        assert engine is not None
        world = _world(raw, house, engine)
        assert world.trial(unknown.id, provider) == CAPPED, "a path that has no row, too"
        assert world.trial(warm.id, provider) == FREE
        Path.objects.create(ip=unknown, provider_id=provider, updated_at=now())
        assert _world(raw, house, engine).trial(unknown.id, provider) == CAPPED
        mark_warm([unknown], "A person says so.")
        assert _world(raw, house, engine).trial(unknown.id, provider) == FREE


@pytest.mark.parametrize("off", ["is_on", "starts_itself"])
def test_where_nothing_warms_by_itself_nothing_is_held_back(house: House, off: str) -> None:
    WarmingPolicy.objects.update(**{off: False})
    with connect() as raw:
        engine = register(raw, house.node.name, 0, 1)
        assert engine is not None
        assert _world(raw, house, engine).trial(house.ips[0].id, knows("gmail.com").id) == FREE


def test_when_its_warm_up_begins_the_plan_s_caps_take_the_place_of_these(house: House) -> None:
    from warming.plans import load_plans

    load_plans()
    ip, rules = house.ips[0], policy()
    knows("default.test", "default")
    provider = knows("gmail.com").id
    assert rules and not first_policy() and consider(ip, rules, now())
    with connect() as raw:
        engine = register(raw, house.node.name, 0, 1)
        assert engine is not None
        trial = _world(raw, house, engine).trial(ip.id, provider)
    path = Path.objects.get(ip=ip, provider_id=provider)
    assert (trial.warm_per_hour, trial.warm_per_day) == (path.warm_per_hour, path.warm_per_day) != UNKNOWN
    assert SendingIP.objects.get(pk=ip.pk).warm_default_per_day
