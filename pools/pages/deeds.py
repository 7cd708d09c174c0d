"""What reputation did, or proposes: actions as rows of a page, with their evidence, when each ends, and whether a person may still say no.

Owns: the reading of `pools_action` for pages. Promises: one statement a list, newest first. Never: cancels (pools.reputation does).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from pools.models import SendingIP
from pools.reputation.models import Action

SHOWN = 20
REPLIES_SHOWN = 4
_LOOKS = {
    Action.Name.LEAVE: "quarantined", Action.Name.PROBE: "probation", Action.Name.STEP: "probation", Action.Name.BACK: "quarantined",
    Action.Name.RETURN: "open", Action.Name.IP_OUT: "quarantined", Action.Name.IP_BACK: "probation", Action.Name.REDUCE: "limited",
    Action.Name.OVERFLOW: "limited", Action.Name.RESCUE: "critical", Action.Name.BORROWING_ENDS: "stopped", Action.Name.BORROWING_BEGINS: "open",
    Action.Name.NOTED: "info",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that counted."""

    text: str
    count: int
    campaign: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Deed:
    """One action. `open`: it is in force or proposed, and can be cancelled."""

    id: int
    name: str
    look: str
    state: str
    sentence: str
    at: datetime
    until: datetime | None
    ended_at: datetime | None
    ended_by: str
    score: float | None
    replies: tuple[Reply, ...]
    ip: str
    ip_id: int | None
    provider: str
    provider_id: int | None
    pool: str

    @property
    def proposed(self) -> bool:
        return self.state == Action.State.PROPOSED

    @property
    def may_do(self) -> bool:
        """Whether a person can do it by a button: what is proposed of a path or an IP."""
        return self.proposed and self.ip_id is not None

    @property
    def open(self) -> bool:
        return self.state in (Action.State.PROPOSED, Action.State.DONE)

    @property
    def target(self) -> str:
        if self.ip and self.provider:
            return f"{self.ip} at {self.provider}"
        return self.ip or self.pool or self.provider


def of_path(ip_id: int, provider_id: int) -> list[Deed]:
    """A path's actions, and those of its whole IP."""
    return rows(_all().filter(ip_id=ip_id).filter(Q(provider_id=provider_id) | Q(provider_id=None))[:SHOWN])


def of_ip(ip: SendingIP) -> list[Deed]:
    return rows(_all().filter(ip=ip)[:SHOWN])


def of_pool(pool_id: int) -> list[Deed]:
    return rows(_all().filter(pool_id=pool_id)[:SHOWN])


def everywhere(state: str) -> QuerySet[Action]:
    """All pools' actions; `state` empty: in whatever state."""
    return _all().filter(state=state) if state in Action.State.values else _all()


def proposals() -> int:
    return Action.objects.filter(state=Action.State.PROPOSED).count()


def rows(actions: Iterable[Action]) -> list[Deed]:
    return [_deed(action) for action in actions]


def _all() -> QuerySet[Action]:
    return Action.objects.select_related("ip", "provider", "pool").order_by("-at", "-id")


def _deed(action: Action) -> Deed:
    return Deed(
        action.pk, action.get_name_display(), _LOOKS.get(Action.Name(action.name), "info"), action.state, action.sentence, action.at, action.until,
        action.ended_at, action.ended_by, action.score, _replies(action.evidence), str(action.ip or ""), action.ip_id, str(action.provider or ""),
        action.provider_id, str(action.pool or ""),
    )  # fmt: skip


def _replies(evidence: Any) -> tuple[Reply, ...]:
    """Evidence is JSON that several hands wrote: what is no reply is left out."""
    found = evidence.get("replies") if isinstance(evidence, dict) else None
    kept = [one for one in found if isinstance(one, dict) and one.get("reply")] if isinstance(found, list) else []
    return tuple(
        Reply(str(one["reply"]), _whole(one.get("count")), str(one.get("campaign") or ""), str(one.get("tenant") or "")) for one in kept[:REPLIES_SHOWN]
    )


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 1
