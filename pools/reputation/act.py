"""Act: what was decided is made true, once, with its reason; what a person cancels is undone.

Promises: a change and its row in `pools_action`, its audit record and its notice are one transaction; it is made only if the path (or IP, or pool) is still
as it was when it was decided (`version`, state): of two stewards one writes, and what an operator paused stays paused. Never: decides; touches what engines
learned, but for asking them to forget it when a path is probed: a probe that a suspension holds back would probe nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from mailplatform.shell import audit
from mailplatform.shell.notices import clear_notice, raise_notice
from pools.models import Path
from pools.reputation.models import Action, PathStanding

BY = "reputation"
NOTICE_PATH, NOTICE_IP, NOTICE_POOL = "path_left", "ip_left", "pool_short"
Name, State = Action.Name, Action.State
PROPOSAL_LIVES = timedelta(hours=24)
_ENDS_AT_ONCE = frozenset({Name.RETURN, Name.NOTED, Name.BORROWING_BEGINS})
_TELLS = frozenset({Name.LEAVE, Name.BACK, Name.REDUCE})


@dataclass(frozen=True, slots=True)
class Word:
    """Reputation's word on a path, as engines read it."""

    state: str = "open"
    share: int = 100
    per_hour: int | None = None
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"state": self.state, "share": self.share, "per_hour": self.per_hour}


OPEN = Word()


@dataclass(frozen=True, slots=True)
class Change:
    """One decided change of one path. `standing` holds the columns of its PathStanding as they are to be."""

    path_id: int
    ip_id: int
    provider_id: int
    version: int  # of the standing that was read; 0: there was none
    before: Word
    after: Word
    name: str
    sentence: str
    standing: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    score: float = 0.0
    until: datetime | None = None
    lifts: bool = False  # engines forget what they learned of it


class _Stale(Exception):
    """It is not as it was when it was decided."""


def change(one: Change, at: datetime) -> bool:
    """Make it true. False: somebody was faster, or a person has spoken; then nothing was written."""
    try:
        with transaction.atomic():
            _stand(one, at)
            values: dict[str, Any] = {"state": one.after.state, "share": one.after.share, "probation_per_hour": one.after.per_hour, "state_why": one.after.why}
            if one.lifts:
                values["lifted_at"] = at
            same = Path.objects.filter(pk=one.path_id, state=one.before.state, share=one.before.share)
            if not same.update(**values, score=one.score, updated_at=at):
                raise _Stale
            of_path = Action.objects.filter(ip=one.ip_id, provider=one.provider_id, scope=Action.Scope.PATH, state__in=(State.DONE, State.PROPOSED))
            of_path.update(state=State.OVER, ended_at=at)
            ends = one.name in _ENDS_AT_ONCE
            evidence = {**one.evidence, "before": one.before.as_json(), "after": one.after.as_json()}
            action = Action.objects.create(
                scope=Action.Scope.PATH, ip_id=one.ip_id, provider_id=one.provider_id, name=one.name, state=State.OVER if ends else State.DONE,
                sentence=one.sentence, evidence=evidence, score=one.score, at=at, until=one.until, ended_at=at if ends else None,
            )  # fmt: skip
            _tell(action, one)
            audit.record(BY, f"reputation {one.name}"[:60], target(one.ip_id, one.provider_id), one.sentence, action_id=action.pk, score=one.score)
    except _Stale:
        return False
    return True


def propose(one: Change, at: datetime) -> bool:
    """Write down what would be done; once while it is open."""
    if Action.objects.filter(ip=one.ip_id, provider=one.provider_id, scope=Action.Scope.PATH, name=one.name, state=State.PROPOSED).exists():
        return False
    try:
        with transaction.atomic():
            Action.objects.filter(ip=one.ip_id, provider=one.provider_id, scope=Action.Scope.PATH, state=State.PROPOSED).update(state=State.OVER, ended_at=at)
            evidence = {**one.evidence, "before": one.before.as_json(), "after": one.after.as_json(), "standing": _plain(one.standing, at)}
            Action.objects.create(
                scope=Action.Scope.PATH, ip_id=one.ip_id, provider_id=one.provider_id, name=one.name, state=State.PROPOSED, sentence=one.sentence,
                evidence=evidence, score=one.score, at=at, until=at + PROPOSAL_LIVES,
            )  # fmt: skip
            raise_notice(
                NOTICE_PATH, f"{one.ip_id}/{one.provider_id}", "warning", f"Proposed: {one.sentence}", {"ip_id": one.ip_id, "provider_id": one.provider_id},
                _page(one.path_id), at + PROPOSAL_LIVES,
            )  # fmt: skip
    except IntegrityError:  # the other steward's proposal
        return False
    return True


def lapse(at: datetime) -> int:
    """Proposals that nobody took up are over."""
    return Action.objects.filter(state=State.PROPOSED, until__lte=at).update(state=State.OVER, ended_at=at)


def _stand(one: Change, at: datetime) -> None:
    """The guard: whoever comes second finds another version."""
    values = {**one.standing, "version": one.version + 1, "updated_at": at}
    if one.version:
        if not PathStanding.objects.filter(pk=one.path_id, version=one.version).update(**values):
            raise _Stale
        return
    try:
        PathStanding.objects.create(path_id=one.path_id, **{"since": at, **values})
    except IntegrityError as second:  # its key refuses one
        raise _Stale from second


def _tell(action: Action, one: Change) -> None:
    scope = f"{one.ip_id}/{one.provider_id}"
    if one.name in _TELLS:
        evidence = {"action_id": action.pk, "ip_id": one.ip_id, "provider_id": one.provider_id, "score": one.score}
        raise_notice(NOTICE_PATH, scope, "warning", one.sentence, evidence, _page(one.path_id))
    elif one.name == Name.RETURN:
        clear_notice(NOTICE_PATH, scope)


def _plain(values: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Of the standing what a proposal carries as JSON; its stay begins when it is confirmed."""
    kept = {name: value for name, value in values.items() if name in ("state", "step", "memory", "covering", "score", "components", "sentence")}
    until = values.get("until")
    return {**kept, "stay_s": (until - at).total_seconds() if until else None, "entries": [entry.isoformat() for entry in values.get("entries", ())]}


def target(ip_id: int | None, provider_id: int | None) -> str:
    """Of a path, for the audit."""
    path = Path.objects.filter(ip=ip_id, provider=provider_id).select_related("ip", "provider").first()
    return f"path {path}" if path else "path"


def _page(path_id: int) -> str:
    return f"/paths/{path_id}/"
