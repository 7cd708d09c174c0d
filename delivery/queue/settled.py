"""Settled: an attempt and what becomes of its delivery, as it travels from the engine to the journal and the database. Values only."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from mailplatform.shell.ids import delivery_of


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try, as the history keeps it."""

    id: UUID
    engine_id: int
    ip_id: int
    pool_id: int
    provider_id: int
    started_at: datetime
    verdict: str
    reason: str
    fault: str
    phase: str
    rule: str = ""
    code: int | None = None
    enhanced: str = ""
    reply: str = ""
    mx_host: str = ""
    mx_address: str | None = None
    tls: str = ""
    connection_reused: bool = False
    timings: dict[str, int] = field(default_factory=dict)
    why: dict[str, Any] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """Which of its delivery's tries it was, from 1."""
        return self.id.int & 0xFF

    @property
    def delivery_id(self) -> UUID:
        return delivery_of(self.id)


@dataclass(frozen=True, slots=True)
class Settled:
    """An attempt and what becomes of its delivery. Exactly one of `final`, `due_at`, `reroute`, `hold` says it."""

    attempt: AttemptRow
    tenant_id: int
    stream_id: int
    purpose: int
    recipient: str
    attempts: int
    final: str | None = None
    suppress: bool = False
    due_at: datetime | None = None
    sticky_ip_id: int | None = None
    reroute: bool = False
    avoid_ip_ids: tuple[int, ...] = ()
    hold: str = ""
    scope: str = ""  # what it waits for, where that is known by a name: `tls:` and the domain
