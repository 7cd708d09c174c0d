"""Standings: paths as rows, for the round and back: who is looked at, how it stands, what it scored.

Promises: reads only paths that are asked for, in trouble, or were spoken about lately; a score is written when it changed by WORTH, with what it is made of.
Never: changes a path's state (act does).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from pools.reputation.act import Word
from pools.reputation.hearing import Key
from pools.reputation.probation import ALWAYS_OPEN, Standing, standing_of
from pools.reputation.score import Score

WORTH = 2.0  # points: smaller changes are not written
LATELY = timedelta(minutes=2)
_KNOWN = """
    SELECT p.id, p.ip_id, p.provider_id, host(ip.address), v.name, NOT v.is_tail, ip.state, p.state, p.share, p.probation_per_hour, p.score, p.suspended_until,
           coalesce(s.version, 0), s.state, s.step, s.since, s.until, s.entries, s.memory, s.covering, s.grace_until
      FROM pools_path p JOIN pools_sendingip ip ON ip.id = p.ip_id JOIN pools_provider v ON v.id = p.provider_id
      LEFT JOIN pools_pathstanding s ON s.path_id = p.id
     WHERE (p.ip_id, p.provider_id) IN (SELECT * FROM unnest(%(ips)s::int8[], %(providers)s::int8[]))
        OR p.state <> 'open' OR p.share < 100 OR s.state <> 'open' OR s.covering OR s.updated_at > %(lately)s
"""
_OF_IP = "SELECT ip_id, provider_id FROM pools_path WHERE ip_id = %s"
_SCORES = "SELECT ip_id, provider_id, score FROM pools_path WHERE score < 100"
_SCORED = """
    WITH u AS (SELECT * FROM unnest(%(ips)s::int8[], %(providers)s::int8[], %(scores)s::float8[], %(components)s::jsonb[])
                   AS u(ip, provider, score, components)),
         p AS (UPDATE pools_path p SET score = u.score FROM u WHERE p.ip_id = u.ip AND p.provider_id = u.provider RETURNING p.id, u.score, u.components)
    INSERT INTO pools_pathstanding AS s (path_id, state, since, step, entries, memory, covering, score, components, sentence, version, updated_at)
    SELECT p.id, 'open', %(at)s, 0, '{}', '{}', false, p.score, p.components, '', 1, %(at)s FROM p
    ON CONFLICT (path_id) DO UPDATE SET score = excluded.score, components = excluded.components
"""
_ANSWERS = """
    UPDATE pools_pathstanding s SET memory = s.memory || u.memory
      FROM unnest(%(ids)s::int8[], %(versions)s::int4[], %(memories)s::jsonb[]) AS u(id, version, memory) WHERE s.path_id = u.id AND s.version = u.version
"""


@dataclass(frozen=True, slots=True)
class Known:
    """One path as the tables have it. `standing` is reputation's memory; where `state` differs from it, a person has spoken."""

    path_id: int
    ip_id: int
    provider_id: int
    address: str
    provider: str
    large: bool
    ip_state: str
    state: str
    word: Word
    score: float
    suspended_until: datetime | None
    version: int
    standing: Standing
    memory: Mapping[str, Any]
    covering: bool
    grace_until: datetime | None

    @property
    def key(self) -> Key:
        return self.ip_id, self.provider_id

    @property
    def fresh_at(self) -> datetime | None:
        """What happened before does not count any more."""
        text = self.memory.get("fresh_at")
        return datetime.fromisoformat(text) if isinstance(text, str) else None

    @property
    def of_its_own(self) -> bool:
        """It left by its own score: not with its IP, and not by a rule that one tenant's mail had met."""
        return not self.memory.get("with_ip") and not self.memory.get("by_rule")


def known_now(keys: Iterable[Key], at: datetime) -> dict[Key, Known]:
    """These paths, and all that are in trouble."""
    wanted = list(keys)
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"ips": [ip for ip, _ in wanted], "providers": [provider for _, provider in wanted], "lately": at - LATELY})
        return {(row[1], row[2]): _known(row) for row in cursor.fetchall()}


def providers_of(ip_id: int) -> list[Key]:
    """Every path of an IP."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_IP, [ip_id])
        return [(ip, provider) for ip, provider in cursor.fetchall()]


def scores_told() -> dict[Key, float]:
    """What was written of scores below 100."""
    with connection.cursor() as cursor:
        cursor.execute(_SCORES)
        return {(ip, provider): score for ip, provider, score in cursor.fetchall()}


def keep_scores(scores: Sequence[tuple[Key, Score]], at: datetime) -> None:
    """In the order of their keys; paths without a row are none."""
    if not scores:
        return
    ordered = sorted(scores, key=lambda one: one[0])
    with connection.cursor() as cursor:
        cursor.execute(_SCORED, {
            "at": at, "ips": [key[0] for key, _ in ordered], "providers": [key[1] for key, _ in ordered],
            "scores": [round(score.total, 1) for _, score in ordered], "components": [Jsonb(score.as_json()) for _, score in ordered],
        })  # fmt: skip


def keep_answers(of: Iterable[tuple[Known, Standing]]) -> None:
    """How far probation's answers were counted, for pages and for whoever acts next."""
    ordered = sorted(of, key=lambda one: one[0].path_id)
    if ordered:
        with connection.cursor() as cursor:
            cursor.execute(_ANSWERS, {
                "ids": [known.path_id for known, _ in ordered], "versions": [known.version for known, _ in ordered],
                "memories": [Jsonb(standing.memory()) for _, standing in ordered],
            })  # fmt: skip


def _known(row: Sequence[Any]) -> Known:
    path_id, ip, provider, address, name, large, ip_state, state, share, per_hour, score, suspended, version, own, step, since, until, *rest = row
    entries, memory, covering, grace_until = rest
    if isinstance(memory, str):  # Django's cursors leave jsonb as text
        memory = json.loads(memory)
    standing = standing_of(own, step, since, until, tuple(entries or ()), memory or {}) if own else ALWAYS_OPEN
    word = Word(state, share, per_hour)
    return Known(
        path_id, ip, provider, address, name, large, ip_state, state, word, score, suspended, version, standing, memory or {}, bool(covering), grace_until
    )  # fmt: skip
