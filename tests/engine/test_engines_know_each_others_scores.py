"""What an engine writes into its row is what another reads with its world: scores, health, and who is not heard of."""

import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from delivery.engine.choose import handicap_ms
from delivery.engine.path import Path
from delivery.engine.persist import save_state
from delivery.engine.score import Points
from delivery.engine.world import World, load_world
from pools.models import Node
from pools.providers.profile import Profile
from tests.queue.house import House, connect, engine, knows

pytestmark = pytest.mark.django_db(transaction=True)


def _two(house: House, raw: Connection, first: int, second: int) -> tuple[int, int]:
    """Each engine owns one of the two IPs."""
    for number, ip in zip((first, second), house.ips, strict=True):
        raw.execute("INSERT INTO delivery_iplease (ip_id, engine_id, granted_at) VALUES (%s, %s, now())", [ip.id, number])
    return house.ips[0].id, house.ips[1].id


def _worlds(raw: Connection, first: int) -> World:
    return load_world(raw, first, "north-1", None)


def test_an_engine_reads_what_another_has_told() -> None:
    house, provider = House.build(), knows("gmail.com")
    with engine(house, 0) as first, engine(house, 1) as second, connect() as raw:
        mine, theirs = _two(house, raw, first, second)
        save_state(raw, second, {"scores": [[theirs, provider.id, 40, "full", 5, 0.5, 9.0, "rate_limited.ip"]], "health": 10.0})
        rivals = _worlds(raw, first).rivals
        listed, unlisted = rivals.of(theirs, provider.id), rivals.of(theirs, provider.id + 1)
        assert listed and (listed.score, listed.state, listed.n, listed.open) == (40, "full", 5, True)
        assert unlisted and unlisted.score == 90
        assert rivals.of(mine, provider.id) is None, "its own paths it knows better"


def test_a_suspected_or_draining_engine_has_no_better_path() -> None:
    house, provider = House.build(), knows("gmail.com")
    lane = (house.pool.id, provider.id)
    with engine(house, 0) as first, engine(house, 1) as second, connect() as raw:
        mine, _ = _two(house, raw, first, second)
        own = [_path(mine, provider.id)]
        assert handicap_ms(lane, _worlds(raw, first), own) == 80
        for sentence in ("suspected_at = now()", "suspected_at = NULL, draining = true"):
            raw.execute(f"UPDATE delivery_engine SET {sentence} WHERE id = %s", [second])
            assert handicap_ms(lane, _worlds(raw, first), own) == 0


def test_an_ip_that_is_paused_is_nobodys_rival() -> None:
    house, provider = House.build(), knows("gmail.com")
    with engine(house, 0) as first, engine(house, 1) as second, connect() as raw:
        mine, theirs = _two(house, raw, first, second)
        raw.execute("UPDATE pools_sendingip SET state = 'paused' WHERE id = %s", [theirs])
        assert handicap_ms((house.pool.id, provider.id), _worlds(raw, first), [_path(mine, provider.id)]) == 0


def test_an_engine_that_has_told_nothing_yet_is_taken_as_well() -> None:
    house = House.build()
    Node.objects.update(engine_slots=2)
    with engine(house, 0) as first, engine(house, 1) as second, connect() as raw:
        _, theirs = _two(house, raw, first, second)
        raw.execute("UPDATE delivery_engine SET state = %s WHERE id = %s", [Jsonb({}), second])
        rival = _worlds(raw, first).rivals.of(theirs, 1)
        assert rival and rival.score == 100


def _path(ip: int, provider: int) -> Path:
    path = Path.new(ip, provider, Profile())
    path.points = Points(reputation=100)
    return path
