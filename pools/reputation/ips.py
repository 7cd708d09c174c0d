"""Whole IPs: out when large providers or a block list say so, back when nothing does any more.

Promises: the IP, its paths, the action, its audit record and its notice change in one transaction, and only if the IP is still as it was; an IP that an
operator paused is let alone; an IP without which a pool would have nothing stays (its paths are kept at a reduced rate). While it is out, engines let its lease
go: what probes it is another look at the lists, and afterwards probation on each of its paths. Never: decides (decide.decide_ip).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from mailplatform.shell import audit
from mailplatform.shell.notices import clear_notice, raise_notice
from pools.models import Path, ScopedLimit, SendingIP
from pools.reputation.act import BY, NOTICE_IP, PROPOSAL_LIVES, Name, State
from pools.reputation.cover import Left, Place, left, serving
from pools.reputation.decide import IpChange, IpStanding, PathSeen, decide_ip, leave
from pools.reputation.hearing import Key
from pools.reputation.models import Action, PathStanding
from pools.reputation.outside import Outside
from pools.reputation.policy import policy_now
from pools.reputation.probation import ALWAYS_OPEN, Standing, standing_of
from pools.reputation.probation import State as PathState
from pools.reputation.standings import Known
from pools.reputation.thresholds import Mode, Policy

_PATHS_AT = "SELECT count(*) FROM pools_path p JOIN pools_sendingip i ON i.id = p.ip_id AND i.state = 'active' WHERE p.provider_id = %s"


def judge(known: Mapping[Key, Known], outside: Outside, pools: Mapping[int, Place], policy: Policy, at: datetime) -> set[int]:
    """Which IPs are out now; those that leave or come back do so here."""
    away = {one.ip_id for one in known.values() if one.standing.state is PathState.QUARANTINED}
    listed = {ip for ip, said in outside.ips.items() if said.listing == "critical"}
    out: set[int] = set()
    for ip in SendingIP.objects.filter(Q(pk__in=away | listed) | Q(state=SendingIP.State.QUARANTINED)).order_by("pk"):
        action = Action.objects.filter(ip=ip, scope=Action.Scope.IP, name=Name.IP_OUT, state=State.DONE).first()
        is_out = ip.state == SendingIP.State.QUARANTINED and action is not None
        if ip.state != SendingIP.State.ACTIVE and not is_out:
            continue  # a person's word
        seen = [PathSeen(one.provider, one.large, one.standing, one.of_its_own) for one in known.values() if one.ip_id == ip.pk]
        standing = IpStanding(True, action.at, action.until) if is_out and action else IpStanding()
        change = decide_ip(standing, seen, outside.of(ip.pk, 0), policy, at)
        if change is None or _is_cancelled(ip, change, at):
            out |= {ip.pk} if is_out else set()
        elif policy.mode is Mode.PROPOSE:
            _propose(ip, change, at)
            out.add(ip.pk)  # one proposal, not one for each of its paths besides
        elif change.name == Name.IP_BACK:
            bring_back(ip, change.sentence, at)
        elif all(left(pool, ip.pk, ()) is not Left.NOTHING for pool in serving(pools.values(), ip.pk)) and take_out(ip, change, policy, at):
            out.add(ip.pk)
    return out


def take_out(ip: SendingIP, change: IpChange, policy: Policy, at: datetime) -> bool:
    """At all providers. False: it was not in use any more."""
    sentence = f"{ip.address}: {change.sentence}"
    with transaction.atomic():
        if not SendingIP.objects.filter(pk=ip.pk, state=SendingIP.State.ACTIVE).update(state=SendingIP.State.QUARANTINED, state_why=sentence):
            return False
        for path in Path.objects.select_for_update().filter(ip=ip).exclude(state=Path.State.PAUSED).order_by("pk"):
            _leaves_with_it(path, change, policy, sentence, at)
        Action.objects.filter(ip=ip, scope=Action.Scope.IP, state=State.PROPOSED).update(state=State.OVER, ended_at=at)
        action = Action.objects.create(
            scope=Action.Scope.IP, ip=ip, name=Name.IP_OUT, sentence=sentence, evidence=change.evidence, at=at, until=change.standing.until,
        )  # fmt: skip
        raise_notice(NOTICE_IP, str(ip.pk), "critical", sentence, {"ip_id": ip.pk, "action_id": action.pk, **change.evidence}, f"/ips/{ip.pk}/")
        audit.record(BY, "reputation ip_out", ip, sentence, action_id=action.pk)
    return True


def bring_back(ip: SendingIP, why: str, at: datetime) -> bool:
    """Its paths stay in quarantine until their own stay is over, and are probed then."""
    sentence = f"{ip.address}: {why}"
    with transaction.atomic():
        if not SendingIP.objects.filter(pk=ip.pk, state=SendingIP.State.QUARANTINED).update(state=SendingIP.State.ACTIVE, state_why=""):
            return False
        Action.objects.filter(ip=ip, scope=Action.Scope.IP, state__in=(State.DONE, State.PROPOSED)).update(state=State.OVER, ended_at=at)
        Action.objects.create(scope=Action.Scope.IP, ip=ip, name=Name.IP_BACK, state=State.OVER, sentence=sentence, at=at, ended_at=at)
        ScopedLimit.objects.filter(scope=ScopedLimit.Scope.IP, key=str(ip.pk)).delete()  # what rules suspended for the same reason
        clear_notice(NOTICE_IP, str(ip.pk))
        audit.record(BY, "reputation ip_back", ip, sentence)
    return True


def paths_at(provider_id: int) -> int:
    """How many paths there are to a provider that nobody has stopped for good."""
    with connection.cursor() as cursor:
        cursor.execute(_PATHS_AT, [provider_id])
        return int(cursor.fetchone()[0])


def _leaves_with_it(path: Path, change: IpChange, policy: Policy, sentence: str, at: datetime) -> None:
    row = PathStanding.objects.filter(path=path).first()
    standing = _standing(row) if row else ALWAYS_OPEN
    stay_s = ((change.standing.until or at) - at).total_seconds()
    gone = leave(standing, policy, at, sentence, {}, least_s=stay_s).standing
    own = standing.state is PathState.QUARANTINED
    values: dict[str, Any] = {
        "state": str(gone.state), "since": gone.since or at, "step": gone.step, "entries": list(gone.entries), "until": gone.until, "covering": False,
        "memory": gone.memory() | ({} if own else {"with_ip": True}), "sentence": sentence, "version": (row.version if row else 0) + 1, "updated_at": at,
    }  # fmt: skip
    PathStanding.objects.update_or_create(path=path, defaults=values)
    Path.objects.filter(pk=path.pk).update(state=Path.State.QUARANTINED, share=0, probation_per_hour=None, state_why=sentence, updated_at=at)


def _standing(row: PathStanding) -> Standing:
    return standing_of(row.state, row.step, row.since, row.until, tuple(row.entries), row.memory)


def _is_cancelled(ip: SendingIP, change: IpChange, at: datetime) -> bool:
    """A person said no to the same a short while ago."""
    since = at - timedelta(seconds=policy_now().grace_s)
    return Action.objects.filter(ip=ip, scope=Action.Scope.IP, name=change.name, state=State.CANCELLED, ended_at__gte=since).exists()


def _propose(ip: SendingIP, change: IpChange, at: datetime) -> None:
    sentence = f"{ip.address}: {change.sentence}"
    if Action.objects.filter(ip=ip, scope=Action.Scope.IP, name=change.name, state=State.PROPOSED).exists():
        return
    values = {"sentence": sentence, "evidence": change.evidence, "at": at, "until": at + PROPOSAL_LIVES}
    row = Action(scope=Action.Scope.IP, ip=ip, name=change.name, state=State.PROPOSED, **values)
    Action.objects.bulk_create([row], ignore_conflicts=True)  # the other steward's stays
    raise_notice(NOTICE_IP, str(ip.pk), "warning", f"Proposed: {sentence}", {"ip_id": ip.pk}, f"/ips/{ip.pk}/", at + PROPOSAL_LIVES)
