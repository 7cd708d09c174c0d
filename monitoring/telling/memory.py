"""Memory: what an alarms process needs to tell people when there is no database, in its own memory and in DATA_DIR/alarms-ZONE.json.

Promises: the file is of mode 0600 and whole at any moment (written beside, synced, renamed), at most every ten seconds and only when something changed;
secrets are in it as in the rows, encrypted. A file that cannot be read is no memory, and no reason to end.
"""

import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mailplatform.shell.private_file import write_private
from monitoring.telling.message import Remembered, Route

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outage:
    """The database's, as it goes on: since when, and who has been told."""

    since: str  # ISO 8601
    told: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    channels: tuple[Remembered, ...] = ()  # those that a grave incident tells at once
    route: Route = field(default_factory=Route)
    telling: bool = True
    figures: dict[str, float] = field(default_factory=dict)  # the last ones
    outage: Outage | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "channels": [one.to_json() for one in self.channels], "route": asdict(self.route), "telling": self.telling, "figures": self.figures,
            "outage": asdict(self.outage) if self.outage else None,
        }  # fmt: skip

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> "Memory":
        outage = given.get("outage")
        channels = tuple(Remembered.from_json(one) for one in given["channels"])
        found = Outage(outage["since"], tuple(outage["told"])) if outage else None
        return cls(channels, Route(**given["route"]), given["telling"], dict(given["figures"]), found)


def load(file: Path) -> Memory:
    try:
        return Memory.from_json(json.loads(file.read_text()))
    except FileNotFoundError:
        return Memory()
    except (OSError, ValueError, KeyError, TypeError):
        log.exception("The memory of channels cannot be read")
        return Memory()


def save(file: Path, memory: Memory) -> None:
    write_private(file, json.dumps(memory.to_json()))
