"""An IP behind a SOCKS5 proxy outlives its node's engines: others take it, with what is to be known of it, and give it back."""

from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from delivery.engine.owned import OwnIp, let_go, take_and_look
from delivery.queue.fence import evict, register
from pools.models import Node, SendingIP
from tests.queue.house import House, connect

pytestmark = pytest.mark.django_db(transaction=True)


class Nodes:
    """North has two IPs, one behind a proxy; south and west have none."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self.raw, house = raw, House.build()
        self.north = house.node
        self.south, self.west = (Node.objects.create(zone=self.north.zone, name=name) for name in ("south-9", "west-9"))
        self.bound = SendingIP.objects.order_by("pk")[0].pk
        behind = {"ehlo_name": "mta-77.platform.example", "egress": "socks5", "proxy": "127.0.0.1:1080"}
        self.proxied = SendingIP.objects.create(node=self.north, address="127.10.1.77", **behind).pk

    def new(self, node: Node, slot: int = 0) -> int:
        engine = register(self.raw, node.name, slot, 1)
        assert engine is not None
        return engine

    def look(self, engine: int, node: Node) -> tuple[dict[int, OwnIp], set[int]]:
        with self.raw.cursor(row_factory=dict_row) as cursor:
            own, leaving = take_and_look(cursor, engine, node.name)
        return own, set(leaving)

    def settle(self, engine: int) -> None:
        self.raw.execute("UPDATE delivery_engine SET started_at = started_at - interval '10 s' WHERE id = %s", [engine])


@pytest.fixture
def nodes() -> Any:
    with connect() as raw:
        yield Nodes(raw)


def test_its_owner_dies_and_another_nodes_engine_takes_it_but_no_bound_ip(nodes: Nodes) -> None:
    home, other = nodes.new(nodes.north), nodes.new(nodes.south)
    assert nodes.proxied in nodes.look(home, nodes.north)[0]
    assert nodes.look(other, nodes.south) == ({}, set()), "it is still another's"
    evict(nodes.raw, home)
    own, leaving = nodes.look(other, nodes.south)
    assert set(own) == {nodes.proxied} and own[nodes.proxied].elsewhere and not leaving
    assert own[nodes.proxied].proxy == "127.0.0.1:1080"


def test_one_of_many_takes_it(nodes: Nodes) -> None:
    south, west = nodes.new(nodes.south), nodes.new(nodes.west)
    taken = [set(nodes.look(engine, node)[0]) for engine, node in ((south, nodes.south), (west, nodes.west))]
    assert sorted(taken, key=len) == [set(), {nodes.proxied}]


def test_it_goes_home_when_an_engine_is_back_to_stay(nodes: Nodes) -> None:
    other = nodes.new(nodes.south)
    assert nodes.proxied in nodes.look(other, nodes.south)[0]
    home = nodes.new(nodes.north)
    assert nodes.proxied not in nodes.look(home, nodes.north)[0], "one owner at a time"
    assert nodes.proxied in nodes.look(other, nodes.south)[0], "an engine that has only just started may end as soon"
    nodes.settle(home)
    own, leaving = nodes.look(other, nodes.south)
    assert (own, leaving) == ({}, {nodes.proxied})
    let_go(nodes.raw, other, leaving)
    assert nodes.look(other, nodes.south) == ({}, set())
    assert nodes.proxied in nodes.look(home, nodes.north)[0]


def test_an_engine_of_its_node_takes_it_beyond_its_share_until_another_is_there(nodes: Nodes) -> None:
    Node.objects.filter(pk=nodes.north.pk).update(engine_slots=3)  # a share of one IP each
    nodes.raw.execute("UPDATE pools_sendingip SET state = 'paused' WHERE id <> ALL(%s)", [[nodes.bound, nodes.proxied]])
    first = nodes.new(nodes.north, 0)
    assert set(nodes.look(first, nodes.north)[0]) == {nodes.bound, nodes.proxied}
    second = nodes.new(nodes.north, 1)
    nodes.settle(second)
    _, leaving = nodes.look(first, nodes.north)
    assert leaving == {nodes.proxied}
    let_go(nodes.raw, first, leaving)
    assert set(nodes.look(second, nodes.north)[0]) == {nodes.proxied}


def test_nobody_takes_it_from_a_paused_node(nodes: Nodes) -> None:
    Node.objects.filter(pk=nodes.north.pk).update(state="drained")
    assert nodes.look(nodes.new(nodes.south), nodes.south) == ({}, set())
