"""Scopes of response rules: an IP at every provider, its netblock at one, a sender at one; other paths and senders go on."""

from typing import Any

from delivery.engine.path import Path
from delivery.engine.scopes import Scopes, share_out
from pools.binds import Limit
from pools.learned import to_json
from pools.outcomes import ActionKind, ActionScope, Fault, Outcome, PathAction, Reason, Verdict
from pools.providers.profile import Profile
from pools.scoped import Match, ScopedRow, Whom, after
from tests.engine.benches import claim

WALL = 1_800_000_000.0
ADDRESSES = {1: "192.0.2.1", 2: "192.0.2.2", 3: "198.51.100.3"}
GOOGLE, YAHOO = 10, 20


class Engine:
    def __init__(self) -> None:
        self.scopes = Scopes(_no_database)
        self.paths = {(ip, provider): Path.new(ip, provider, Profile(connections=8)) for ip in ADDRESSES for provider in (GOOGLE, YAHOO)}

    def meets(self, scope: ActionScope, now_s: float, kind: ActionKind = ActionKind.SUSPEND, count: int = 1, **changed: Any) -> None:
        outcome = Outcome(Verdict.DEFERRED, Reason.RATE_IP, Fault.INFRASTRUCTURE, "rule", PathAction(kind, scope, 600, count, 3600))
        self.scopes.met(self.paths[1, GOOGLE], ADDRESSES[1], claim(provider_id=GOOGLE, **changed), outcome, "rule: no", now_s, WALL + now_s)
        self.look(now_s)

    def look(self, now_s: float) -> None:
        share_out(self.scopes, self.paths, ADDRESSES, now_s, WALL + now_s)

    def closed(self, now_s: float) -> set[tuple[int, int]]:
        return {key for key, path in self.paths.items() if not path.open(now_s)}


async def _no_database(*_: object) -> None:
    raise AssertionError("the database is asked once a second, never here")


def test_an_ips_suspension_closes_it_at_every_provider() -> None:
    engine = Engine()
    engine.meets(ActionScope.IP, 1.0)
    assert engine.closed(1.0) == {(1, GOOGLE), (1, YAHOO)}
    assert engine.paths[1, YAHOO].binds(1.0).limit is Limit.SUSPENDED and engine.paths[1, YAHOO].closed_why == "rule: no"


def test_a_netblocks_suspension_closes_its_ips_at_that_provider_only() -> None:
    engine = Engine()
    engine.meets(ActionScope.NETBLOCK, 1.0)
    assert engine.closed(1.0) == {(1, GOOGLE), (2, GOOGLE)}


def test_another_engine_obeys_what_it_reads() -> None:
    engine, whom = Engine(), Whom(ActionScope.NETBLOCK, "192.0.2.0/24", GOOGLE)
    action = PathAction(ActionKind.SUSPEND, ActionScope.NETBLOCK, 600, 1, 3600)
    learned = after(Match(whom, action, "rule", WALL, "no", Profile()), engine.paths[1, GOOGLE].learned)
    engine.scopes.heard_of([ScopedRow("netblock", "192.0.2.0/24", GOOGLE, to_json(learned), "no", 4)], 0.0, WALL)
    engine.look(0.0)
    assert engine.closed(599.0) == {(1, GOOGLE), (2, GOOGLE)}
    engine.scopes.heard_of([], 5.0, WALL + 5)
    engine.look(5.0)
    assert engine.closed(5.0) == set(), "the row was deleted: it is lifted"


def test_a_path_of_a_suspended_network_comes_back_one_connection_at_a_time() -> None:
    engine = Engine()
    engine.meets(ActionScope.NETBLOCK, 0.0)
    limits = []
    for now in (600.0, 661.0, 721.0, 781.0, 2000.0):
        engine.scopes._settle(now, WALL + now)
        engine.look(now)
        limits.append(engine.paths[2, GOOGLE].limits.connections)
    assert limits == [1, 2, 3, 4, 8]


def test_only_the_suspended_senders_claims_wait_until_its_end() -> None:
    engine = Engine()
    engine.meets(ActionScope.TENANT, 1.0, tenant_id=7)
    assert engine.closed(1.0) == set(), "no path is to blame"
    suspended, other_tenant, other_provider = claim(tenant_id=7, provider_id=GOOGLE), claim(tenant_id=8, provider_id=GOOGLE), claim(tenant_id=7)
    going, aside = engine.scopes.sift([suspended, other_tenant, other_provider], 11.0)
    assert going == [other_tenant, other_provider]
    assert [(one.id, one.why, one.wait_s) for one in aside] == [(suspended.id, "lane", 590.0)]
    assert aside[0].scope.startswith(f"tenant:7:{GOOGLE} rule: no")


def test_a_signing_domain_is_suspended_after_as_many_matches_as_its_rule_says() -> None:
    engine = Engine()
    for n in range(4):
        engine.meets(ActionScope.SIGNING_DOMAIN, float(n), count=5, domain_id=9)
    assert not engine.scopes.active
    engine.meets(ActionScope.SIGNING_DOMAIN, 5.0, count=5, domain_id=9)
    assert engine.scopes.active and engine.scopes.suspended(claim(domain_id=9, provider_id=GOOGLE), 6.0)


def test_after_a_suspension_a_senders_engines_share_its_rate() -> None:
    engine, whom = Engine(), Whom(ActionScope.TENANT, "7", GOOGLE)
    action = PathAction(ActionKind.SUSPEND, ActionScope.TENANT, 600, 1, 3600)
    learned = after(Match(whom, action, "rule", WALL, "no", Profile()), engine.paths[1, GOOGLE].learned)
    engine.scopes.heard_of([ScopedRow("tenant", "7", GOOGLE, to_json(learned), "no", 4)], 601.0, WALL + 601)
    sent, aside = 0, []
    for second in range(601, 660):
        going, waits = engine.scopes.sift([claim(tenant_id=7, provider_id=GOOGLE) for _ in range(3)], float(second))
        sent, aside = sent + len(going), aside + waits
    assert sent == 15, "a quarter of 60 a minute: four engines"
    assert {one.why for one in aside} == {"quota"} and max(one.wait_s for one in aside) <= 60


def test_a_claim_without_any_such_limit_costs_nothing() -> None:
    engine = Engine()
    assert not engine.scopes.active and engine.scopes.of_path(1, ADDRESSES[1], GOOGLE) == ()
