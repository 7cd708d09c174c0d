"""Engaged: how far behind its tenant's better recipients a message of marketing goes, by what the tenant said in `metadata.engagement`. Pure.

A provider judges a young IP by what it sends first, so a warming path, and every other, gets the best recipients first. Promises: nobody's mail is put in
front of another tenant's: less engaged recipients only move back, by at most MOST of their tenant's own messages; who says nothing keeps its place.
In `waiting`, where a row has no tag, the same stands as a negative tag, until it becomes ready. Never: moves transactional mail or notifications.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from uuid import UUID

from pools.purposes import Purpose

NAME = "engagement"
WORDS = {"high": 1.0, "medium": 0.5, "low": 0.0}
ASKED = 'It is a number from 0 to 1, or "high", "medium" or "low".'
MOST = 5_000.0


class Said(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def purpose(self) -> int: ...
    @property
    def metadata(self) -> dict[str, object] | None: ...


def engagement(said: object) -> float | None:
    """0 to 1; None: nothing that can be read."""
    if isinstance(said, str):
        return WORDS.get(said)
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return float(said) if 0 <= said <= 1 else None


def behind(messages: Iterable[Said]) -> dict[UUID, float]:
    """By message: how many of its tenant's messages it lets go first. Those that go first are left out."""
    told = [(one.id, engagement(one.metadata[NAME])) for one in messages if one.purpose == Purpose.MARKETING and one.metadata and NAME in one.metadata]
    return {message: (1 - value) * MOST for message, value in told if value is not None and value < 1}


def kept(behind_by: float) -> float:
    """As the tag of a row that waits."""
    return -behind_by


def kept_in(row: Mapping[str, Any]) -> float:
    """What `kept` said in a row that waited; one that has had a turn has none."""
    return max(0.0, -row["tag"])
