"""Arrived: one message to one of our addresses, on its way from the session to the transaction; and what becomes of it. Values only."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from delivery.returns.finding import Counted, Finding, Told
from delivery.returns.meaning import Meaning
from delivery.returns.tokens import Token


@dataclass(frozen=True, slots=True)
class Arrived:
    recipient: str  # ours
    raw: bytes
    client: str = ""  # the address that it came from
    unsubscribe: str = ""  # the token, for mail to an unsubscribe address


@dataclass(frozen=True, slots=True)
class Read:
    """An arrival, read, and the delivery that it names."""

    arrived: Arrived
    finding: Finding
    token: Token | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knows of a delivery that was named."""

    id: UUID
    tenant_id: int
    recipient: str
    final: str | None
    is_claimed: bool
    provider_key: str
    stream_id: int
    purpose: int
    recipients: int  # of its message
    path: tuple[int, int, int] | None  # (sending IP, pool, provider) of the attempt that the provider took


@dataclass(frozen=True, slots=True)
class Decided:
    """What follows from one arrival. `later`: nothing now, the sender is asked to come again."""

    what: Counted
    facts: Facts | None = None
    kind: str = ""  # finding.Kind, for what is kept
    told: Told | None = None
    meaning: Meaning | None = None
    token: Token | None = None
    reporter: str = ""
    note: str = ""
    later: bool = False
    data: dict[str, Any] = field(default_factory=dict)
    sent_at: datetime | None = None
