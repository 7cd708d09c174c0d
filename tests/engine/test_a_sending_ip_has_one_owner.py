"""Owned IPs: shares, moves, pauses; and what the next owner knows of the last one's connections."""

from datetime import UTC, datetime
from pathlib import Path as Folder
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from delivery.engine.journal import Journal, ended_here
from delivery.engine.owned import let_go, take_and_look
from delivery.engine.path import FORMER_CONNECTIONS_S, Path
from delivery.engine.persist import pictures, save_paths, worth_telling
from delivery.queue.fence import connections_ended, leave, register
from delivery.queue.wake import CHANNEL, LOOK
from pools.binds import Binds, Limit
from pools.models import Node, SendingIP
from pools.models import Path as PathRow
from pools.providers.profile import Profile
from tests.queue.house import House, connect, knows

pytestmark = pytest.mark.django_db(transaction=True)
WALL = 1_800_000_000.0


class Engines:
    """A node with four IPs and two slots, another node without IPs."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self.raw, self.house = raw, House.build()
        self.north = self.house.node
        Node.objects.filter(pk=self.north.pk).update(engine_slots=2)
        self.south = Node.objects.create(zone=self.north.zone, name="south-1")
        for n in (3, 4):
            SendingIP.objects.create(node=self.north, address=f"127.10.1.{n}", ehlo_name=f"mta-{n}.platform.example")
        self.ids = list(SendingIP.objects.order_by("pk").values_list("pk", flat=True))

    def new(self, node: Node, slot: int) -> int:
        engine = register(self.raw, node.name, slot, 1)
        assert engine is not None
        return engine

    def settled(self, *engines: int) -> None:
        self.raw.execute("UPDATE delivery_engine SET started_at = platform_now() - interval '6 s' WHERE id = ANY (%s)", [list(engines)])

    def look(self, engine: int, node: Node) -> tuple[set[int], set[int]]:
        with self.raw.cursor(row_factory=dict_row) as cursor:
            own, leaving = take_and_look(cursor, engine, node.name)
        return set(own), set(leaving)


@pytest.fixture
def engines() -> Any:
    with connect() as raw:
        yield Engines(raw)


def test_two_engines_of_a_node_divide_its_ips(engines: Engines) -> None:
    a, b = engines.new(engines.north, 0), engines.new(engines.north, 1)
    first, second = engines.look(a, engines.north)[0], engines.look(b, engines.north)[0]
    assert len(first) == len(second) == 2 and first | second == set(engines.ids)


def test_an_ip_that_moves_is_left_by_its_owner_before_another_takes_it(engines: Engines) -> None:
    a, c = engines.new(engines.north, 0), engines.new(engines.south, 0)
    moving = min(engines.look(a, engines.north)[0])
    SendingIP.objects.filter(pk=moving).update(node=engines.south)
    assert engines.look(c, engines.south) == (set(), set()), "it is still another's"
    own, leaving = engines.look(a, engines.north)
    assert leaving == {moving} and moving not in own
    let_go(engines.raw, a, leaving)
    assert engines.look(c, engines.south) == ({moving}, set())
    assert moving not in engines.look(a, engines.north)[0]


def test_a_paused_ip_is_left_and_taken_by_nobody(engines: Engines) -> None:
    a = engines.new(engines.north, 0)
    paused = min(engines.look(a, engines.north)[0])
    SendingIP.objects.filter(pk=paused).update(state="paused")
    assert engines.look(a, engines.north)[1] == {paused}
    let_go(engines.raw, a, [paused])
    assert paused not in engines.look(a, engines.north)[0]


def test_who_has_more_than_its_share_leaves_what_another_engine_of_its_node_is_short_of(engines: Engines) -> None:
    Node.objects.filter(pk=engines.north.pk).update(engine_slots=1)
    a = engines.new(engines.north, 0)
    assert len(engines.look(a, engines.north)[0]) == 4
    Node.objects.filter(pk=engines.north.pk).update(engine_slots=2)
    assert engines.look(a, engines.north)[1] == set(), "nobody else is there to take them"
    b = engines.new(engines.north, 1)
    assert engines.look(a, engines.north)[1] == set(), "it has not come to stay yet"
    engines.settled(b)
    own, leaving = engines.look(a, engines.north)
    assert len(own) == len(leaving) == 2
    let_go(engines.raw, a, leaving)
    assert engines.look(b, engines.north)[0] == leaving
    engines.raw.execute("UPDATE delivery_engine SET started_at = platform_now() WHERE id = %s", [b])
    leave(engines.raw, a)
    assert len(engines.look(b, engines.north)[0]) == 2, "not more than its share: the other one may only just be starting too"


def test_a_dead_engines_ips_wait_for_no_restart_and_go_back_to_one_that_stays(engines: Engines) -> None:
    a, b = engines.new(engines.north, 0), engines.new(engines.north, 1)
    engines.settled(a, b)
    engines.look(a, engines.north), engines.look(b, engines.north)
    leave(engines.raw, a)
    assert engines.look(b, engines.north) == (set(engines.ids), set()), "all of them, at once"
    again = engines.new(engines.north, 0)
    assert engines.look(again, engines.north)[0] == set() and engines.look(b, engines.north)[1] == set()
    engines.settled(again)
    own, leaving = engines.look(b, engines.north)
    assert len(own) == len(leaving) == 2
    let_go(engines.raw, b, leaving)
    assert engines.look(again, engines.north)[0] == leaving


def test_who_lets_an_ip_go_tells_the_others_to_look(engines: Engines) -> None:
    a = engines.new(engines.north, 0)
    engines.look(a, engines.north)
    with connect() as other:
        other.execute(f"LISTEN {CHANNEL}")
        let_go(engines.raw, a, engines.ids[:2])
        let_go(engines.raw, a, engines.ids[:2])  # they are gone: nothing to look for
        assert [told.payload for told in other.notifies(timeout=0.5)] == [LOOK]


def test_the_next_owner_leaves_room_for_what_a_dead_one_last_reported(engines: Engines) -> None:
    ip, provider = engines.ids[0], knows("gmail.com")
    dead = Path.new(ip, provider.pk, Profile(connections=5))
    for _ in range(3):
        dead.slots.take(0.0)
    assert worth_telling(dead, 0.0)
    save_paths(engines.raw, 7, pictures([dead], 0.0, lambda _: _now()))
    row = PathRow.objects.get(ip_id=ip)
    heir = Path.new(ip, provider.pk, Profile(connections=5))
    heir.take_over(row.learned, row.circuit_failures, 100.0, WALL, row.open_connections)
    assert heir.slots.free(100.0) == 2
    assert heir.slots.free(100.0 + FORMER_CONNECTIONS_S) == 5


def test_a_path_whose_connections_may_all_be_a_dead_owners_takes_nothing_until_they_are_gone() -> None:
    heir = Path.new(7, 3, Profile(connections=5))
    heir.take_over({}, 0, 100.0, WALL, open_connections=5)
    heir.in_hand = 1
    assert not heir.open(101.0) and heir.rooms(101.0) == (0, 0) and heir.gives_up(101.0), "what was dealt to it before goes along others"
    assert heir.binds(101.0) == Binds(Limit.FORMER, 100.0 + FORMER_CONNECTIONS_S, 5)
    assert heir.open(100.0 + FORMER_CONNECTIONS_S)
    some = Path.new(7, 3, Profile(connections=5))
    some.take_over({}, 0, 100.0, WALL, open_connections=4)
    assert some.open(101.0)


def test_a_connection_of_its_own_that_lingers_for_a_second_closes_no_path() -> None:
    path = Path.new(7, 3, Profile(connections=1))
    path.slots.take(0.0)
    path.slots.give_back(1.0, peer_closed=False)
    assert not path.slots.free(1.5) and path.open(1.5)


def test_nobody_leaves_room_for_the_connections_of_a_process_that_is_no_more(engines: Engines, tmp_path: Folder) -> None:
    """Its node was out of reach when it was evicted, so that nobody knew; its journal's lock, which the kernel takes away, tells its successor."""
    ip, provider = engines.ids[0], knows("gmail.com")
    lives, died = Journal(tmp_path, 71), Journal(tmp_path, 72)
    for engine in (71, 72):
        path = Path.new(ip if engine == 72 else engines.ids[1], provider.pk, Profile(connections=5))
        path.slots.take(0.0)
        save_paths(engines.raw, engine, pictures([path], 0.0, lambda _: _now()))
    died.close(keep=True)
    assert ended_here(tmp_path) == [72]
    connections_ended(engines.raw, ended_here(tmp_path))
    assert [PathRow.objects.get(ip_id=one).open_connections for one in engines.ids[:2]] == [0, 1]
    lives.close(keep=False)


def test_after_an_orderly_hand_over_all_connections_are_the_next_owners(engines: Engines) -> None:
    ip, provider = engines.ids[0], knows("gmail.com")
    path = Path.new(ip, provider.pk, Profile(connections=5))
    path.slots.take(0.0)
    save_paths(engines.raw, 7, pictures([path], 0.0, lambda _: _now()))
    path.slots.give_back(1.0, peer_closed=True)
    save_paths(engines.raw, 7, pictures([path], 1.0, lambda _: _now()))
    heir = Path.new(ip, provider.pk, Profile(connections=5))
    heir.take_over({}, 0, 2.0, WALL, PathRow.objects.get(ip_id=ip).open_connections)
    assert heir.slots.free(2.0) == 5


def test_what_binds_and_how_much_is_used_is_there_for_pages(engines: Engines) -> None:
    ip, provider = engines.ids[0], knows("gmail.com")
    path = Path.new(ip, provider.pk, Profile(connections=1, per_minute=60))
    path.slots.take(0.0)
    path.spend(0.0)
    save_paths(engines.raw, 7, pictures([path], 0.5, lambda _: _now()))
    row = PathRow.objects.get(ip_id=ip)
    assert (row.binds, row.limits_now["figure"], row.limits_now["per_s"]) == ("rate", 60, 60) and row.binds_until
    assert (row.limits_now["connections_open"], row.limits_now["connections"], row.limits_now["per_minute"]) == (1, 1, 60)
    assert not worth_telling(path, 0.6), "at most what has changed is told again"


def test_a_new_owners_first_message_waits_a_turn_for_what_it_does_not_know() -> None:
    path = Path.new(1, 1, Profile(per_minute=60), owned_since_s=100.0)
    assert path.next_send_s(100.0) == 101.0
    assert Path.new(1, 1, Profile(per_minute=6), owned_since_s=100.0).next_send_s(100.0) == 110.0
    assert Path.new(1, 1, Profile(per_second=50), owned_since_s=100.0).next_send_s(100.0) == 101.0


def _now() -> datetime:
    return datetime.now(UTC)
