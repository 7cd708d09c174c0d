"""Blocks: what engines share of campaigns that a provider has blocked. One row a campaign and provider, live until it expires.

Owns: delivery_campaignblock. Promises: whoever finds a block first opens it, once; at most CANARIES are sent a round, however many engines
there are; who decides moves what waits for the decision in the same transaction, tells the tenant by an event and the operators by a notice.
Never: decides (delivery.engine.campaigns does); runs where nothing is blocked, but for one look a second.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from delivery.queue import columns
from delivery.queue.happened import Happened, Kind, tell
from delivery.queue.wake import Lane

CANARIES = 3
WAITS_S = 60  # what waits for canaries looks again after this
TESTS_S, TESTS_FIRST_S = 300, 60  # a test that decides nothing ends; for transactional mail sooner
LIVES_S = {"ip": 300, "content": 6 * 3600, "released": 24 * 3600}
WARNING = 1  # mailplatform.shell.models.Severity
NOTICE = "campaign_held"

LIVE = """
    SELECT id, provider_id, fingerprint, state, round, canaries, sentence, evidence, extract(epoch FROM expires_at - platform_now())::float8 AS left_s,
           extract(epoch FROM platform_now() - started_at)::float8 AS age_s
      FROM delivery_campaignblock
     WHERE expires_at > platform_now()
"""
OPEN = """
    INSERT INTO delivery_campaignblock AS b
           (provider_id, tenant_id, stream_id, fingerprint, state, round, canaries, sentence, evidence, started_at, expires_at)
    VALUES (%(provider)s, %(tenant)s, %(stream)s, %(fingerprint)s, 'testing', 1, 0, '', %(evidence)s, platform_now(),
            platform_now() + %(tests_s)s * interval '1 s')
    ON CONFLICT (provider_id, tenant_id, stream_id, fingerprint) DO UPDATE
       SET state = 'testing', round = b.round + 1, canaries = 0, evidence = excluded.evidence, started_at = excluded.started_at, decided_at = NULL,
           expires_at = excluded.expires_at
     WHERE b.expires_at <= platform_now()
    RETURNING id
"""
SAY_WHY = """
    UPDATE delivery_campaignblock b
       SET sentence = left('campaign ' || b.id || ' was blocked at ' || p.name || ': a few of it go along other paths first, the rest waits', 260)
      FROM pools_provider p WHERE b.id = %s AND p.id = b.provider_id
"""
TAKE = f"""
    UPDATE delivery_campaignblock SET canaries = canaries + 1
     WHERE id = %s AND state = 'testing' AND canaries < {CANARIES} AND expires_at > platform_now()
    RETURNING canaries
"""
LOCK = """
    SELECT b.state, b.sentence, b.evidence, p.name, t.title, b.tenant_id
      FROM delivery_campaignblock b JOIN pools_provider p ON p.id = b.provider_id JOIN tenants_tenant t ON t.id = b.tenant_id
     WHERE b.id = %s AND b.expires_at > platform_now()
       FOR UPDATE OF b
"""
DECIDE = """
    UPDATE delivery_campaignblock
       SET state = %(state)s, sentence = %(sentence)s, evidence = %(evidence)s, decided_at = platform_now(),
           expires_at = platform_now() + %(lives_s)s * interval '1 s'
     WHERE id = %(id)s
"""
KEEP = "UPDATE delivery_campaignblock SET evidence = %s WHERE id = %s"
GO_ON = "UPDATE delivery_waiting SET due_at = platform_now() WHERE why = 'campaign' AND scope = %s"
HOLD = "UPDATE delivery_waiting SET why = 'hold', scope = %s, due_at = expires_at WHERE why = 'campaign' AND scope = %s RETURNING id, tenant_id"
RAISE = """
    INSERT INTO shell_notice (kind, scope, severity, sentence, evidence, link, created_at, expires_at, cleared_by)
    VALUES (%(kind)s, %(scope)s, %(severity)s, %(sentence)s, %(evidence)s, %(link)s, platform_now(), platform_now() + %(lives_s)s * interval '1 s', '')
    ON CONFLICT (kind, scope) WHERE cleared_at IS NULL DO UPDATE
       SET severity = excluded.severity, sentence = excluded.sentence, evidence = excluded.evidence, link = excluded.link,
           created_at = excluded.created_at, expires_at = excluded.expires_at
"""
# Whoever decides waits for us, or we see the decision: nothing goes on waiting for what is known already.
TESTED = "SELECT id FROM delivery_campaignblock WHERE id = ANY (%s) AND state = 'testing' AND expires_at > platform_now() FOR SHARE"
# A held one is due when it expires: a hold ends by itself, too.
SET_ASIDE = f"""
    WITH u AS (SELECT * FROM unnest(%(ids)s::uuid[], %(why)s::text[], %(scope)s::text[], %(wait_s)s::float8[]) AS u(id, why, scope, wait_s)),
         gone AS (DELETE FROM delivery_claimed c USING u WHERE c.id = u.id AND c.engine_id = %(engine)s
                     AND c.claimed_at <= coalesce(%(claimed_by)s::timestamptz, 'infinity') RETURNING c.*)
    INSERT INTO delivery_waiting ({columns.LIST}, why, scope, due_at)
    SELECT {columns.select("gone")}, u.why, u.scope,
           CASE u.why WHEN 'hold' THEN gone.expires_at ELSE least(gone.expires_at, platform_now() + u.wait_s * interval '1 s') END
      FROM gone JOIN u USING (id)
    RETURNING id, tenant_id, why, scope
"""
WAITS_ON = "greatest(gone.ready_at, platform_now() - interval '10 s')"  # as for what is rerouted (queue.record)
SEND_ELSEWHERE = f"""
    WITH u AS (SELECT * FROM unnest(%(ids)s::uuid[], %(avoid)s::text[]) AS u(id, avoid)),
         gone AS (DELETE FROM delivery_claimed c USING u WHERE c.id = u.id AND c.engine_id = %(engine)s
                     AND c.claimed_at <= coalesce(%(claimed_by)s::timestamptz, 'infinity') RETURNING c.*)
    INSERT INTO delivery_ready ({columns.LIST})
    SELECT {columns.select("gone", ready_at=WAITS_ON, avoid_ip_ids="u.avoid::int8[]", sticky_ip_id="NULL::int8")} FROM gone JOIN u USING (id)
"""
RELEASE = f"""
    UPDATE delivery_campaignblock SET state = 'released', decided_at = platform_now(), expires_at = platform_now() + interval '{LIVES_S["released"]} s'
     WHERE id = %s RETURNING sentence
"""
LET_GO = """
    UPDATE delivery_waiting SET why = 'retry', scope = '', due_at = platform_now()
     WHERE why IN ('hold', 'campaign') AND scope = %s RETURNING id, tenant_id
"""
CLEAR = "UPDATE shell_notice SET cleared_at = platform_now(), cleared_by = %s WHERE kind = %s AND scope = %s AND cleared_at IS NULL"
FORGET = "DELETE FROM delivery_campaignblock WHERE expires_at < platform_now() - interval '30 days'"


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A live block as the table has it."""

    id: int
    provider_id: int
    fingerprint: int
    state: str
    round: int
    canaries: int
    sentence: str
    evidence: dict[str, Any]
    left_s: float
    age_s: float


@dataclass(frozen=True, slots=True)
class Aside:
    """A claimed delivery that does not go now: it is held, waits, or goes along another path than `avoid`."""

    id: UUID
    lane: Lane
    why: str = ""
    scope: str = ""
    wait_s: float = 0.0
    block: int = 0
    avoid: tuple[int, ...] = ()


def live(connection: Connection) -> list[BlockRow]:
    """What is blocked now."""
    with connection.cursor(row_factory=class_row(BlockRow)) as cursor:
        return cursor.execute(LIVE).fetchall()


def open_block(
    connection: Connection, provider_id: int, tenant_id: int, stream_id: int, fingerprint: int, blocked: dict[str, Any], tests_s: int = TESTS_S
) -> bool:
    """A campaign was blocked for the first time, or anew. False: another has said so already."""
    with connection.transaction(), connection.cursor() as cursor:
        row = cursor.execute(OPEN, {
            "provider": provider_id, "tenant": tenant_id, "stream": stream_id, "fingerprint": fingerprint, "tests_s": tests_s,
            "evidence": Jsonb({"blocked": [blocked], "canaries": []}),
        }).fetchone()  # fmt: skip
        if row:
            cursor.execute(SAY_WHY, row)
        return row is not None


def take_canary(connection: Connection, block_id: int) -> bool:
    """Whether one more may go along another path."""
    return connection.execute(TAKE, [block_id]).fetchone() is not None


def hear(connection: Connection, block_id: int, kind: str, found: dict[str, Any], decide: Callable[[dict[str, Any]], str]) -> str:
    """Add to the evidence (`blocked`, `canaries` or `passes`) and see what it says. Returns the state when it has changed, else ''."""
    with connection.transaction(), connection.cursor() as cursor:
        row = cursor.execute(LOCK, [block_id]).fetchone()
        if row is None:
            return ""
        state, sentence, evidence, provider, tenant, tenant_id = row
        evidence[kind] = [*evidence.get(kind, []), found][-20:]
        decided = decide(evidence) if state == "testing" else state
        if decided == state:
            cursor.execute(KEEP, [Jsonb(evidence), block_id])
            return ""
        said = sentence
        if decided == "content":
            said = f"campaign {block_id} is refused at {provider} for its content, on every path tried: {evidence['canaries'][-1]['reply']}"[:260]
        lives_s = LIVES_S[decided]
        cursor.execute(DECIDE, {"id": block_id, "state": decided, "sentence": said, "evidence": Jsonb(evidence), "lives_s": lives_s})
        if decided == "ip":
            cursor.execute(GO_ON, [sentence])
        else:
            _tell_held(cursor, cursor.execute(HOLD, [said, sentence]).fetchall(), said)
            cursor.execute(RAISE, {
                "kind": NOTICE, "scope": f"campaign {block_id}", "severity": WARNING,
                "sentence": f"{tenant}'s {said} Its deliveries there are held; talk to the tenant, or release it.",
                "evidence": Jsonb({**evidence, "tenant_id": tenant_id}), "link": f"/admin/delivery/campaignblock/{block_id}/change/", "lives_s": lives_s,
            })  # fmt: skip
        return str(decided)


def set_aside(connection: Connection, engine_id: int, aside: Sequence[Aside], claimed_by: datetime | None = None) -> frozenset[Lane]:
    """Out of this engine's hands; `claimed_by` as for `give_back_unbegun`. Returns the lanes that got some back."""
    elsewhere = [one for one in aside if not one.why]
    waiting = [one for one in aside if one.why]
    with connection.transaction(), connection.cursor() as cursor:
        if waiting:
            tested = {0, *(row[0] for row in cursor.execute(TESTED, [list({one.block for one in waiting})]))}
            cursor.execute(SET_ASIDE, {
                "engine": engine_id, "claimed_by": claimed_by, "ids": [one.id for one in waiting], "why": [one.why for one in waiting],
                "scope": [one.scope for one in waiting], "wait_s": [one.wait_s if one.block in tested else 0.0 for one in waiting],
            })  # fmt: skip
            held = [(delivery, tenant, scope) for delivery, tenant, why, scope in cursor.fetchall() if why == "hold"]
            for scope in {scope for _, _, scope in held}:
                _tell_held(cursor, [(delivery, tenant) for delivery, tenant, its in held if its == scope], scope)
        if elsewhere:
            avoid = ["{" + ",".join(map(str, one.avoid)) + "}" for one in elsewhere]
            cursor.execute(SEND_ELSEWHERE, {
                "engine": engine_id, "claimed_by": claimed_by, "ids": [one.id for one in elsewhere], "avoid": avoid,
            })  # fmt: skip
    return frozenset(one.lane for one in elsewhere)


def release(cursor: Cursor, block_id: int, by: str) -> int:
    """A person sends it whatever the provider says: what is held for it goes into the queue. Returns how many."""
    row = cursor.execute(RELEASE, [block_id]).fetchone()
    if row is None:
        return 0
    gone = cursor.execute(LET_GO, row).fetchall()
    tell(cursor, [Happened(delivery, tenant, Kind.RELEASED, {"by": by}) for delivery, tenant in gone])
    cursor.execute(CLEAR, [by, NOTICE, f"campaign {block_id}"])
    return len(gone)


def _tell_held(cursor: Cursor, held: Sequence[tuple[UUID, int]], because: str) -> None:
    tell(cursor, [Happened(delivery, tenant, Kind.HELD, {"why": because}) for delivery, tenant in held])
