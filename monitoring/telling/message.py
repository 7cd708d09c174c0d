"""Message: what one channel is told, and what came of it. Values that travel between planning, senders and memory; no rows, no settings.

`Remembered` is a channel as senders need it, with its secret still encrypted, so that it may lie on disk.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Act(StrEnum):
    """What a message says of its incident."""

    OPENED = "opened"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Message:
    """One notification. `thread` is the same for all that is told of one incident."""

    key: str
    act: Act
    thread: str
    subject: str
    text: str
    severity: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A channel as it was read last."""

    id: int
    name: str
    kind: str
    address: str
    secret: str  # as in the row: encrypted; empty: none
    tells_resolved: bool = True
    weekdays: tuple[int, ...] = ()
    hours: tuple[str, str] | None = None  # HH:MM, UTC

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> "Remembered":
        return cls(**{**given, "weekdays": tuple(given["weekdays"]), "hours": tuple(given["hours"]) if given["hours"] else None})


@dataclass(frozen=True, slots=True)
class Route:
    """How monitoring's own mail leaves; `host` empty: not at all. The password is encrypted."""

    host: str = ""
    port: int = 587
    security: str = "starttls"
    user: str = ""
    password: str = ""
    sender: str = ""


def people_of(addresses: str) -> list[str]:
    """Mail addresses, separated by commas, as staff type them."""
    return [one.strip() for one in addresses.split(",") if one.strip()]


class NotTold(Exception):
    """The other side did not take it; the text says why, and names no secret. `final`: trying again changes nothing."""

    def __init__(self, why: str, final: bool = False) -> None:
        super().__init__(why)
        self.final = final
