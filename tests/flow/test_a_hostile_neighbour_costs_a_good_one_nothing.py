"""Two tenants on one shared pool: one has bought a list (30 % unknown recipients, complaints), the other's mail is on time as if it were alone."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.flow.platform import Client, Platform, wait_until
from tests.flow.words import fresh, small_domain

ON_TIME_S = 10.0
MAKE = """
import json
from datetime import timedelta
from mailplatform.shell.clock import now
from mailplatform.tenants.keys import make_key
from mailplatform.tenants.models import SendingDomain, Tenant
from mailplatform.up.seed import _domain
from pools.models import Pool, Stream
tenant = Tenant.objects.create(name="{name}", title="{name}")
_domain(tenant, "{name}.example")  # which no DNS knows: nobody looks while this test lasts
SendingDomain.objects.filter(tenant=tenant).update(next_check_at=now() + timedelta(days=1))
Stream.objects.create(tenant=tenant, name="marketing", purpose=2, pool=Pool.objects.get(name="shared-marketing"))
print("MADE", json.dumps({{"id": tenant.pk, "key": make_key(tenant, "flow")[1]}}))
"""
LATE = """
    SELECT count(*), count(*) FILTER (WHERE d.final = 'delivered' AND d.done_at - m.created_at < interval '{on_time_s} s')
      FROM unnest(%s::uuid[]) AS asked(id) JOIN delivery_delivery d ON d.id = asked.id
      JOIN delivery_message m ON m.id = (left(d.id::text, 30) || '000000')::uuid
"""
WHERE = """
    SELECT count(*) FILTER (WHERE d.final IS NOT NULL), count(*) FILTER (WHERE w.why = 'hold'), count(*) FILTER (WHERE d.final IS NULL AND w.why IS NULL)
      FROM unnest(%s::uuid[]) AS asked(id) JOIN delivery_delivery d ON d.id = asked.id LEFT JOIN delivery_waiting w ON w.id = d.id
"""


@dataclass
class Newcomer:
    """A tenant of this test's own, whose program sends at a steady rate."""

    platform: Platform
    name: str = field(default_factory=lambda: fresh("t"))
    ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        said = self.platform.manage("shell", "-c", MAKE.format(name=self.name))
        made = json.loads(said.partition("MADE ")[2])
        self.tenant, self.client = int(made["id"]), Client(f"http://127.0.0.1:{self.platform.port}", made["key"])

    def send(self, to: list[str]) -> None:
        common = {"from": f"news@{self.name}.example", "text": "Hello", "stream": "marketing"}
        status, answer = self.client.post("/api/v1/messages/batch", {"messages": [{**common, "to": one, "subject": fresh()} for one in to]})
        assert status == 202, answer
        self.ids += [delivery["id"] for message in answer["messages"] for delivery in message["deliveries"]]

    def send_for(self, seconds: float, per_s: float, address: str, bad_of_ten: int = 0) -> None:
        """People at this domain; of ten so many do not exist, and one in forty complains."""
        began, sent = time.monotonic(), 0
        while (gone := time.monotonic() - began) < seconds:
            due = int(gone * per_s) - sent
            people = range(sent, sent + due)
            if due:
                self.send([f"{_local(n, bad_of_ten)}@{address}" for n in people])
                sent += due
            time.sleep(0.1)

    def level(self) -> str:
        rows = self.platform.rows("SELECT level FROM pools_tenantstanding WHERE tenant_id = %s", self.tenant)
        return str(rows[0][0]) if rows else "good"

    def on_time(self) -> float:
        """The share of what was submitted that was delivered in time."""
        all_, in_time = self.platform.rows(LATE.format(on_time_s=ON_TIME_S), self.ids)[0]
        return in_time / all_


def _local(number: int, bad_of_ten: int) -> str:
    if number % 10 < bad_of_ten:
        return f"unknown+{fresh()}"
    return f"complaint+{fresh()}" if bad_of_ten and number % 40 == 39 else fresh("user")


def _settled(platform: Platform, ids: list[str]) -> bool:
    return platform.rows("SELECT count(*) FROM delivery_delivery WHERE id = ANY(%s::uuid[]) AND final IS NULL", ids) == [(0,)]


@pytest.fixture
def neighbours(forgetful: Platform) -> Iterator[tuple[Newcomer, Newcomer, Newcomer]]:
    """Alone, decent beside the hostile one, hostile."""
    tenants = (Newcomer(forgetful), Newcomer(forgetful), Newcomer(forgetful))
    yield tenants
    ids = [one.tenant for one in tenants]
    forgetful.withdraw_everything()
    forgetful.manage("shell", "-c", f"from mailplatform.tenants.models import Tenant; Tenant.objects.filter(pk__in={ids}).delete()")
    forgetful.rows("UPDATE shell_notice SET cleared_at = platform_now() WHERE kind = 'tenant_standing' AND cleared_at IS NULL RETURNING 1")


def side_by_side(platform: Platform, neighbours: tuple[Newcomer, Newcomer, Newcomer], alone_s: float, beside_s: float) -> tuple[float, float]:
    """The good tenant's on-time rate alone, and beside the hostile one."""
    alone, decent, hostile = neighbours
    quiet, busy = small_domain(), small_domain()
    alone.send_for(alone_s, 15, quiet)
    attack = threading.Thread(target=hostile.send_for, args=(beside_s, 40, busy, 3))
    attack.start()
    decent.send_for(beside_s, 15, busy)
    attack.join()
    wait_until(lambda: _settled(platform, decent.ids) or decent.on_time() < 1, ON_TIME_S, "the good tenant's mail was on time")
    return alone.on_time(), decent.on_time()


@pytest.mark.long
def test_a_hostile_neighbour_costs_a_good_one_nothing(forgetful: Platform, neighbours: tuple[Newcomer, Newcomer, Newcomer]) -> None:
    _, decent, hostile = neighbours
    alone, beside = side_by_side(forgetful, neighbours, 3, 15)
    final, held, moving = forgetful.rows(WHERE, hostile.ids)[0]
    print(f"\non time alone {alone:.4f}, beside {beside:.4f}; of the hostile one's {len(hostile.ids)} ended {final}, held {held}")
    assert beside >= alone - 0.01
    assert (hostile.level(), decent.level()) == ("held", "good")
    assert held > 100
    assert final + held + moving == len(hostile.ids), "nothing accepted is lost"
    status, standing = hostile.client.get("/api/v1/standing")
    assert status == 200
    assert standing["level"] == "held"


@pytest.mark.long
def test_for_longer_too(forgetful: Platform, neighbours: tuple[Newcomer, Newcomer, Newcomer]) -> None:
    alone, beside = side_by_side(forgetful, neighbours, 10, 24)
    print(f"\non time alone {alone:.4f}, beside {beside:.4f}")
    assert beside >= alone - 0.01
    assert neighbours[2].level() == "held"


@pytest.mark.long
def test_it_is_the_policy_that_does_it(forgetful: Platform, neighbours: tuple[Newcomer, Newcomer, Newcomer]) -> None:
    """Without it the good one is hurt: the simulated provider minds, and the figure above means something."""
    forgetful.rows("UPDATE pools_neighbourspolicy SET mode = 'off' RETURNING 1")
    try:
        alone, beside = side_by_side(forgetful, neighbours, 3, 15)
    finally:
        forgetful.rows("UPDATE pools_neighbourspolicy SET mode = 'automatic' RETURNING 1")
    print(f"\non time alone {alone:.4f}, beside {beside:.4f}")
    assert beside < alone - 0.05
