"""Reputation, live: a path that a provider blocks leaves within seconds of traffic, mail goes on over others, and it returns by itself once healed."""

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh, small_domain

BROKEN = "127.10.1.2"  # of the pool that both tenants' marketing shares; the other one is in the other zone
TENANTS = ("harbour", "fieldnotes")
# Steps and stays of seconds instead of half hours; what leads to leaving is as it comes.
QUICK = {"stay_s": 3, "step_s": 1, "step_floor": 5, "short_half_life_s": 20, "trickle_per_hour": 36_000, "ip_stay_s": 3}
SET = f"UPDATE pools_reputationpolicy SET {', '.join(f'{name} = %s' for name in QUICK)}"
PATH = """
    SELECT p.state FROM pools_path p JOIN pools_sendingip i ON i.id = p.ip_id JOIN pools_domainprovider d ON d.provider_id = p.provider_id
     WHERE i.address = %s AND d.domain = %s
"""
DEEDS = """
    SELECT a.name FROM pools_action a JOIN pools_sendingip i ON i.id = a.ip_id JOIN pools_domainprovider d ON d.provider_id = a.provider_id
     WHERE i.address = %s AND d.domain = %s AND a.id > %s ORDER BY a.id
"""
LAST = "SELECT coalesce(max(id), 0) FROM pools_action"
REFUSED = """
    SELECT count(*) FROM delivery_attempt a JOIN pools_sendingip i ON i.id = a.ip_id JOIN pools_domainprovider d ON d.provider_id = a.provider_id
     WHERE i.address = %s AND d.domain = %s AND a.reason LIKE 'block.%%'
"""
# What was cut off after its dot may have arrived: it waits for its schedule, whatever paths do.
LOST = "EXISTS (SELECT 1 FROM delivery_attempt a WHERE a.id BETWEEN d.id AND (left(d.id::text, 34) || 'ff')::uuid AND a.reason = 'network.answer_lost')"
UNDELIVERED = f"""
    SELECT d.final, d.reason, count(*) FROM delivery_delivery d
     WHERE d.id = ANY (%s::uuid[]) AND d.final IS DISTINCT FROM 'delivered' AND NOT (d.final IS NULL AND {LOST}) GROUP BY 1, 2
"""
SENT = """
    SELECT 1 FROM pools_pathminute m JOIN pools_sendingip i ON i.id = m.ip_id JOIN pools_domainprovider d ON d.provider_id = m.provider_id
     WHERE i.address = %s AND d.domain = %s AND m.delivered >= 20
"""
DEFERRED = "SELECT sum(m.deferred + m.rerouted) FROM pools_pathminute m JOIN pools_domainprovider d USING (provider_id) WHERE d.domain = %s"
LISTED = "127.10.1.3"  # of a pool that others cover


@pytest.fixture
def quick(forgetful: Platform) -> Iterator[Platform]:
    (usual,) = forgetful.rows(f"SELECT {', '.join(QUICK)} FROM pools_reputationpolicy")
    with forgetful.database() as connection:
        connection.execute(SET, list(QUICK.values()))
    yield forgetful
    with forgetful.database() as connection:
        connection.execute(SET, usual)


class Traffic:
    """Campaigns of two tenants, one after the other, until it is told to stop."""

    def __init__(self, platform: Platform, domain: str) -> None:
        self._platform, self._domain = platform, domain
        self._stop, self.ids = threading.Event(), []
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _send(self) -> None:
        clients = {tenant: self._platform.client(tenant) for tenant in TENANTS}
        domains = {tenant: f"{'harbourbank' if tenant == 'harbour' else tenant}.example" for tenant in TENANTS}
        while not self._stop.is_set():
            for tenant, client in clients.items():
                common = {"from": f"news@{domains[tenant]}", "subject": f"Offer {fresh()}", "text": f"Hello {fresh()}", "stream": "marketing"}
                messages = [{**common, "to": f"{fresh()}@{self._domain}"} for _ in range(15)]
                with contextlib.suppress(OSError):
                    status, answer = client.post("/api/v1/messages/batch", {"messages": messages})
                    assert status == 202, answer
                    self.ids += [delivery["id"] for message in answer["messages"] for delivery in message["deliveries"]]
            self._stop.wait(0.5)


def test_a_path_that_is_blocked_leaves_and_returns_by_probation(quick: Platform) -> None:
    domain, last = small_domain(), quick.rows(LAST)[0][0]

    def state() -> str:
        return "".join(row[0] for row in quick.rows(PATH, BROKEN, domain))

    with Traffic(quick, domain) as traffic:
        wait_until(lambda: quick.rows(SENT, BROKEN, domain), 40, "the path had sent", every_s=0.2)
        quick.control("break", ip=BROKEN, provider=domain, mode="block")
        began, before = time.monotonic(), quick.rows(REFUSED, BROKEN, domain)[0][0]
        wait_until(lambda: state() == "quarantined", 60, "it left", every_s=0.1)
        took_s, refused = time.monotonic() - began, quick.rows(REFUSED, BROKEN, domain)[0][0] - before
        print(f"\nIt left after {took_s:.1f} s and {refused} refusals")
        assert took_s <= 10 or refused <= 30
        quick.control("heal", ip=BROKEN, provider=domain)
        wait_until(lambda: "return" in [name for (name,) in quick.rows(DEEDS, BROKEN, domain, last)], 60, "it had returned", every_s=0.2)
        assert state() == "open"
    names = [name for (name,) in quick.rows(DEEDS, BROKEN, domain, last)]
    print(names)
    assert names[0] == "leave"
    assert names.index("probe") < names.index("step") < names.index("return")
    wait_until(lambda: quick.rows(UNDELIVERED, traffic.ids) == [], 40, f"all {len(traffic.ids)} were delivered", every_s=0.3)


def test_an_outage_takes_nobody_out_while_a_listing_takes_an_ip_out_until_it_ends(quick: Platform) -> None:
    domain, last = small_domain(), quick.rows(LAST)[0][0]

    def ip_state() -> str:
        return str(quick.rows("SELECT state FROM pools_sendingip WHERE address = %s", LISTED)[0][0])

    with Traffic(quick, domain):
        wait_until(lambda: quick.rows(SENT, BROKEN, domain), 40, "mail went there", every_s=0.2)
        quick.control("outage", provider=domain, mode="busy")
        quick.control("dnsbl_add", ip=LISTED, zone="zen")
        try:
            wait_until(lambda: ip_state() == "quarantined", 30, "the listed IP was out", every_s=0.2)
            wait_until(lambda: not quick.rows("SELECT 1 FROM delivery_iplease WHERE ip_id = (SELECT id FROM pools_sendingip WHERE address = %s)", LISTED),
                       10, "no engine sends from it", every_s=0.2)  # fmt: skip
        finally:
            quick.control("dnsbl_remove", ip=LISTED, zone="zen")
            quick.control("outage", provider=domain, on=False)
        wait_until(lambda: ip_state() == "active", 30, "the delisting had brought it back", every_s=0.2)
    deferred = quick.rows(DEFERRED, domain)
    assert deferred[0][0] > 5, "everybody was deferred there"
    assert quick.rows(DEEDS, BROKEN, domain, last) == []
    assert quick.rows("SELECT count(*) FROM pools_path p JOIN pools_domainprovider d USING (provider_id) WHERE d.domain = %s AND p.state <> 'open'"
                      " AND p.ip_id <> (SELECT id FROM pools_sendingip WHERE address = %s)", domain, LISTED) == [(0,)]  # fmt: skip
