"""Verdicts: what the vote came to, kept: the endpoint's state, a row with the evidence, a notice, a call to whoever listens; all or none of it.

Promises: of several vantage points that count the same votes at once, one speaks: the statement names the verdict that it follows. Who cannot commit to the
primary has not judged. How it fails: a verdict that could not be committed is found again at the next look.
"""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from mailplatform.shell.database.rows import select
from mailplatform.shell.notices import clear_notice, raise_notice
from monitoring.endpoints.models import Endpoint, EndpointVerdict
from monitoring.endpoints.sightings import Seen
from monitoring.endpoints.vote import QUORUM_NEEDS, Look, State, Verdict

CHANNEL = "monitoring_endpoints"
NOTICE = "endpoint_dead"
ON_PURPOSE = "out of service"  # as the SMTP doors of a drained machine say (delivery.smtpd.serve): dead for clients and for DNS, and nobody's alarm
PAGE = "/endpoints/"  # by its address: to look it up loads every page of the console, a second or more in the middle of the first verdict

_OUT_OF_SERVICE = """
SELECT e.id FROM monitoring_endpoint e
  JOIN LATERAL (SELECT sentence FROM monitoring_endpointverdict WHERE endpoint_id = e.id ORDER BY id DESC LIMIT 1) v ON v.sentence LIKE %(words)s
 WHERE e.enabled AND e.state = 'down'
"""


def speak(seen: Seen, verdict: Verdict, by: str) -> bool:
    """Whether it was this one that spoke."""
    with transaction.atomic():
        own = Endpoint.objects.filter(pk=seen.endpoint_id, verdicts_count=seen.count, enabled=True)
        if not own.update(state=verdict.state.value, since=seen.now, verdicts_count=seen.count + 1):
            return False
        EndpointVerdict.objects.create(
            endpoint_id=seen.endpoint_id, state=verdict.state.value, at=seen.now, first_sign_at=verdict.first_sign_at, spoken_by=by[:80],
            sentence=verdict.sentence, evidence=_evidence(seen, verdict),
        )  # fmt: skip
        _notice(seen.name, verdict)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(seen.endpoint_id)])
    return True


def out_of_service() -> set[int]:
    """Endpoints that are dead because they turn clients away on purpose."""
    return {endpoint for (endpoint,) in select(_OUT_OF_SERVICE, {"words": f"%{ON_PURPOSE}%"})}


def clear_of_what_is_not_asked() -> None:
    """An endpoint that is gone, switched off, or alive asks for nobody."""
    for name in Endpoint.objects.filter(enabled=False).values_list("name", flat=True):
        clear_notice(NOTICE, name)


def _notice(name: str, verdict: Verdict) -> None:
    if verdict.state is State.UP:
        clear_notice(NOTICE, name)
        return
    if ON_PURPOSE in verdict.sentence:
        sentence = f"The endpoint {name} turns clients away: its server was taken out of service."
        raise_notice(NOTICE, name, "info", sentence, {"fresh": verdict.fresh}, PAGE)
        return
    weak = "" if verdict.fresh >= QUORUM_NEEDS else f" Only {verdict.fresh} of the {QUORUM_NEEDS} vantage points that a verdict should have looked at it."
    raise_notice(NOTICE, name, "critical", f"The endpoint {name} is dead. {verdict.sentence}{weak}", {"fresh": verdict.fresh}, PAGE)


def _evidence(seen: Seen, verdict: Verdict) -> dict[str, Any]:
    voted = {look.vantage for look in verdict.voted}
    return {
        "fresh": verdict.fresh,
        "recovery_s": verdict.recovery_s,
        "looks": [{**_told(look, seen.now), "voted": look.vantage in voted} for look in sorted(seen.looks, key=lambda look: look.vantage)],
    }


def _told(look: Look, now: datetime) -> dict[str, Any]:
    return {
        "vantage": look.vantage, "ok": look.ok, "in_row": look.in_row, "error": look.error,
        "since_ms_ago": round((now - look.since).total_seconds() * 1000), "ms_ago": round((now - look.at).total_seconds() * 1000),
    }  # fmt: skip
