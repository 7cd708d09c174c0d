"""People: what a person says of reputation's actions is done and kept: a proposal confirmed, an action cancelled, a path opened by hand.

Promises: each is one transaction with its audit record, and only if the action is still as it was when they looked; what was cancelled is not done again on
the same evidence for the policy's grace. Never: decides.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from mailplatform.shell import audit
from mailplatform.shell.notices import clear_notice
from pools.models import Path, Pool, SendingIP
from pools.reputation import ips
from pools.reputation.act import NOTICE_IP, NOTICE_PATH, NOTICE_POOL, Change, Name, State, Word, change, target
from pools.reputation.cover import Left, left, pools_now, serving
from pools.reputation.decide import IpChange, IpStanding
from pools.reputation.decide import Name as Decided
from pools.reputation.models import Action, PathStanding
from pools.reputation.policy import of_row, policy_now

_KEPT = ("state", "since", "step", "entries", "memory", "until", "covering", "grace_until", "score", "components", "sentence")


@transaction.atomic
def confirm(action: Action, by: object, at: datetime) -> bool:
    """A person does what was proposed. False: it is not as it was then."""
    action = Action.objects.select_for_update().get(pk=action.pk)
    if action.state != State.PROPOSED:
        return False
    done = _confirm_path(action, at) if action.scope == Action.Scope.PATH else _confirm_ip(action, at) if action.scope == Action.Scope.IP else False
    if done:
        Action.objects.filter(pk=action.pk).update(ended_by=_name(by))
        audit.record(by, "reputation confirmed", _target_of(action), f"Did what was proposed: {action.sentence}", action_id=action.pk)
    return done


def _confirm_path(action: Action, at: datetime) -> bool:
    path = Path.objects.filter(ip=action.ip_id, provider=action.provider_id).first()
    if path is None:
        return False
    standing = PathStanding.objects.filter(path=path).first()
    before, after = (action.evidence.get(name, {}) for name in ("before", "after"))
    values = {**action.evidence.get("standing", {}), "since": at}
    until = at + timedelta(seconds=values["stay_s"]) if values.get("stay_s") else None
    values |= {"until": until, "entries": [datetime.fromisoformat(entry) for entry in values.get("entries", ())]}
    proposed = Change(
        path.pk, path.ip_id, path.provider_id, standing.version if standing else 0, _word(before), _word(after, action.sentence), action.name,
        action.sentence, {name: value for name, value in values.items() if name in _KEPT}, action.evidence, action.score or 0.0, until,
    )  # fmt: skip
    return change(proposed, at)


def _confirm_ip(action: Action, at: datetime) -> bool:
    """The whole IP, out or back. Out only where each of its pools keeps something."""
    ip, policy = SendingIP.objects.filter(pk=action.ip_id or 0).first(), of_row(policy_now())
    if ip is None:
        return False
    why = action.sentence.removeprefix(f"{ip.address}: ")
    if action.name == Name.IP_BACK:
        return ips.bring_back(ip, why, at)
    if action.name != Name.IP_OUT or any(left(pool, ip.pk, ()) is Left.NOTHING for pool in serving(pools_now().values(), ip.pk)):
        return False
    standing = IpStanding(True, at, at + timedelta(seconds=policy.ip_stay_s))
    return ips.take_out(ip, IpChange(Decided.IP_OUT, standing, why, dict(action.evidence)), policy, at)


@transaction.atomic
def cancel(action: Action, by: object, at: datetime) -> bool:
    """Undo what it did, and do not do it again on the same evidence for the policy's grace. False: it was over already."""
    action = Action.objects.select_for_update().get(pk=action.pk)
    if action.state not in (State.DONE, State.PROPOSED):
        return False
    was_done = action.state == State.DONE
    Action.objects.filter(pk=action.pk).update(state=State.CANCELLED, ended_at=at, ended_by=_name(by))
    grace = timedelta(seconds=policy_now().grace_s)
    match action.scope:
        case Action.Scope.PATH:
            _open_again(Q(ip=action.ip_id, provider=action.provider_id), at, at + grace, undo=was_done)
            clear_notice(NOTICE_PATH, f"{action.ip_id}/{action.provider_id}", _name(by))
        case Action.Scope.IP if was_done and action.name == Name.IP_OUT:
            SendingIP.objects.filter(pk=action.ip_id or 0, state=SendingIP.State.QUARANTINED).update(state=SendingIP.State.ACTIVE, state_why="")
            _open_again(Q(ip=action.ip_id, standing__memory__with_ip=True), at, at + grace, undo=True)
            clear_notice(NOTICE_IP, str(action.ip_id), _name(by))
        case Action.Scope.IP:
            clear_notice(NOTICE_IP, str(action.ip_id), _name(by))
        case Action.Scope.POOL if was_done and action.name == Name.BORROWING_ENDS:
            Pool.objects.filter(pk=action.pool_id or 0).update(borrowing_closed_at=None)
        case Action.Scope.POOL:
            clear_notice(NOTICE_POOL, f"{action.pool_id}/{action.provider_id or 0}", _name(by))
    audit.record(by, "reputation cancelled", _target_of(action), f"Cancelled: {action.sentence}", action_id=action.pk)
    return True


def respect(path_id: int, version: int, at: datetime) -> bool:
    """A person opened by hand what reputation had closed: so it is, with the grace of a cancelled action."""
    values = {"state": "open", "step": 0, "until": None, "covering": False, "memory": {"fresh_at": at.isoformat()}}
    grace_until = at + timedelta(seconds=policy_now().grace_s)
    with transaction.atomic():
        guarded = PathStanding.objects.filter(pk=path_id, version=version).exclude(state="open")
        if not guarded.update(**values, since=at, grace_until=grace_until, version=version + 1, updated_at=at):
            return False
        path = Path.objects.get(pk=path_id)
        Path.objects.filter(pk=path_id).update(share=100, probation_per_hour=None, state_why="")
        open_ones = Action.objects.filter(ip=path.ip_id, provider=path.provider_id, scope=Action.Scope.PATH, state=State.DONE)
        open_ones.update(state=State.CANCELLED, ended_at=at, ended_by="whoever opened the path")
        clear_notice(NOTICE_PATH, f"{path.ip_id}/{path.provider_id}")
    return True


def _open_again(paths: Q, at: datetime, grace_until: datetime, undo: bool) -> None:
    """As a person wants it; a path that a person paused stays so."""
    for path in Path.objects.select_for_update(of=("self",)).filter(paths).select_related("standing"):
        standing: PathStanding | None = getattr(path, "standing", None)
        if undo and path.state in (Path.State.QUARANTINED, Path.State.PROBATION, Path.State.OPEN):
            values: dict[str, Any] = {"state": Path.State.OPEN, "share": 100, "probation_per_hour": None, "state_why": "", "lifted_at": at}
            Path.objects.filter(pk=path.pk).update(**values, updated_at=at)
        opened = {"state": "open", "since": at, "step": 0, "until": None, "covering": False, "memory": {"fresh_at": at.isoformat()}} if undo else {}
        kept = {"grace_until": grace_until, "updated_at": at, **opened}
        if standing is None:
            PathStanding.objects.create(path=path, version=1, **{"since": at, **kept})
        else:
            PathStanding.objects.filter(pk=path.pk).update(version=standing.version + 1, **kept)
        Action.objects.filter(ip=path.ip_id, provider=path.provider_id, scope=Action.Scope.PATH, state=State.DONE).update(state=State.OVER, ended_at=at)


def _word(data: Mapping[str, Any], why: str = "") -> Word:
    return Word(str(data.get("state", "open")), int(data.get("share", 100)), data.get("per_hour"), why)


def _target_of(action: Action) -> str:
    if action.scope == Action.Scope.PATH:
        return target(action.ip_id, action.provider_id)
    return f"{action.scope} {action.ip or action.pool or action.tenant or ''}"


def _name(by: object) -> str:
    return str(getattr(by, "email", by))[:200]
