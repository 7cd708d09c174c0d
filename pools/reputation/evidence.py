"""Evidence: what happened on a path in an interval, and who was behind its blocks. Pure values; nothing here decides.

`Counts` are what windows are folded from; `BlockEvidence` says whether blocks speak against the IP at all (docs/reputation.md: campaigns of two tenants, or a
reply that names our IP or a DNSBL, or a failed canary of a dedicated pool's only tenant). What was found to be a campaign's content is in neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

Figure = Any  # a float, or a numpy array of them: the arithmetic is the same
SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one path (or of several, added) in an interval. `blocked` and `deferred_reputation` are refusals for our address's or its network's sake."""

    attempted: Figure = 0.0
    delivered: Figure = 0.0
    deferred_reputation: Figure = 0.0
    deferred_other: Figure = 0.0
    blocked: Figure = 0.0
    bounced_recipient: Figure = 0.0
    complaints: Figure = 0.0
    connects: Figure = 0.0
    connect_failures: Figure = 0.0
    tls_errors: Figure = 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, name) + getattr(other, name) for name in COUNTED))


COUNTED = tuple(field.name for field in fields(Counts))


@dataclass(frozen=True, slots=True)
class Reply:
    """One of the replies behind a decision, as pages show it."""

    reply: str
    campaign: str = ""
    tenant: str = ""
    count: int = 1
    at: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"reply": self.reply, "campaign": self.campaign, "tenant": self.tenant, "count": self.count, "minute": self.at}


@dataclass(frozen=True, slots=True)
class BlockEvidence:
    """Of the refusals that a path's short and middle windows hold: how many campaigns and tenants they were of; content's taken off."""

    campaigns: int = 0
    tenants: int = 0
    named: float = 0.0  # replies that name our IP or a block list
    canary_failed: bool = False  # of a dedicated pool's only tenant
    samples: tuple[Reply, ...] = ()

    @property
    def against_ip(self) -> bool:
        """Whether the blocks are the IP's as far as anybody can tell."""
        return self.tenants >= 2 or self.named >= 1 or self.canary_failed

    @property
    def words(self) -> str:
        """For people: why the blocks count, or why not."""
        if self.named >= 1:
            return f"{self.named:g} of the replies name our IP or a block list"
        if self.tenants >= 2:
            return f"{self.campaigns} campaigns of {self.tenants} tenants were refused"
        if self.canary_failed:
            return "a canary of the pool's only tenant was refused, too"
        return "only one tenant's mail was refused: it may be the content" if self.campaigns else "nothing was refused"

    def as_json(self) -> dict[str, Any]:
        return {
            "campaigns": self.campaigns, "tenants": self.tenants, "named": self.named, "canary_failed": self.canary_failed,
            "replies": [reply.as_json() for reply in self.samples[:SAMPLES]],
        }  # fmt: skip


NOTHING = Counts()
NOBODY = BlockEvidence()


def counts_of(row: Mapping[str, Any]) -> Counts:
    """Of a row's columns by the same names (path minutes have them); `deferred` is split where `deferred_other` is missing."""
    values = {name: float(row.get(name) or 0) for name in COUNTED}
    if "deferred_other" not in row:
        values["deferred_other"] = max(0.0, float(row.get("deferred") or 0) - values["deferred_reputation"])
    return Counts(**values)
