"""Noticed: notices that ask for attention become incidents, and end with them. Writes incidents, in its caller's transaction.

Infos stay what they are. A notice that says what an enabled shipped rule says too opens nothing of its own: people would be told twice.
"""

from collections.abc import Collection
from datetime import datetime

from mailplatform.shell.models import Notice, Severity
from mailplatform.shell.notices import open_notices
from monitoring.alerts.models import AlertRule, Incident
from monitoring.alerts.opening import Opened, open_one, raise_severity, resolve
from monitoring.alerts.sources import NOTICE

MOST = 500  # notices; more of them is one wrong thing, said often
COVERED_BY = {  # kind of notice: the shipped rule that says it
    "ip_left": "ips-out",
    "path_left": "paths-out",
    "ip_listed": "listed",
    "warmup_paused": "warmups-held",
    "drill_overdue": "drills-overdue",
    "endpoint_dead": "endpoints-dead",
}


def follow(at: datetime) -> None:
    """What is open among notices is open among incidents, and says the same."""
    covered = _covered()
    wanted = {
        (NOTICE + one.kind, one.scope): one for one in open_notices().filter(severity__gte=Severity.WARNING).exclude(kind__in=covered)[:MOST]
    }  # fmt: skip
    here = {(one.source, one.subject): one for one in Incident.objects.filter(source__startswith=NOTICE, resolved_at=None)}
    for key, incident in here.items():
        if key not in wanted:
            resolve(incident, at, "The notice is over.")
    new = [notice for key, notice in wanted.items() if key not in here]
    ended = _ended_by_hand(new)
    for notice in new:
        if notice.pk not in ended:
            open_one(_of(notice), at)
    for key, incident in here.items():
        says = wanted.get(key)
        if says is not None and (says.sentence, says.severity) != (incident.sentence, incident.severity):
            Incident.objects.filter(pk=incident.pk).update(sentence=says.sentence)
            raise_severity(incident, says.severity, at)


def _covered() -> Collection[str]:
    there = set(AlertRule.objects.filter(enabled=True, shipped__in=COVERED_BY.values()).values_list("shipped", flat=True))
    return [kind for kind, rule in COVERED_BY.items() if rule in there]


def _ended_by_hand(notices: list[Notice]) -> set[int]:
    """Somebody ended its incident; the notice itself is open still. It opens again when it is raised anew."""
    if not notices:
        return set()
    ids = [notice.pk for notice in notices]
    kinds = {NOTICE + notice.kind for notice in notices}
    ended = Incident.objects.filter(source__in=kinds, evidence__notice__in=ids).exclude(resolved_by="")
    born = {notice.pk: notice.created_at for notice in notices}
    return {row.evidence["notice"] for row in ended if row.opened_at >= born[row.evidence["notice"]]}


def _of(notice: Notice) -> Opened:
    return Opened(
        NOTICE + notice.kind, notice.sentence, notice.severity, notice.created_at, subject=notice.scope, link=notice.link,
        evidence={"notice": notice.pk, **notice.evidence},
    )  # fmt: skip
