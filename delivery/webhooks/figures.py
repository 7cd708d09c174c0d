"""How endpoints are doing: one look for a page of them, everything counted to a limit."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from delivery.webhooks.models import EndpointState, WebhookEndpoint
from delivery.webhooks.retry import IN_TROUBLE

COUNT_TO = 1000
SHARE_OF = 100

HEALTH = f"""
    SELECT p.id,
           (SELECT count(*) FROM (SELECT 1 FROM delivery_webhookevent e WHERE e.endpoint_id = p.id AND e.state = 'pending' LIMIT {COUNT_TO + 1}) w),
           (SELECT count(*) FROM (SELECT 1 FROM delivery_webhookevent e WHERE e.endpoint_id = p.id AND e.state = 'failed' LIMIT {COUNT_TO + 1}) f),
           (SELECT avg(t.ok::int)::float8 FROM (SELECT ok FROM delivery_webhooktry t WHERE t.endpoint_id = p.id ORDER BY t.id DESC LIMIT {SHARE_OF}) t)
      FROM unnest(%s::int8[]) AS p(id)
"""


@dataclass(frozen=True, slots=True)
class Health:
    """One endpoint at a glance. `word` is its state as the console shows it, `sentence` says it in full."""

    endpoint: WebhookEndpoint
    backlog: int
    given_up: int
    share: float | None  # of its last tries, those that came through

    @property
    def word(self) -> str:
        if self.endpoint.state != EndpointState.ACTIVE:
            return str(self.endpoint.state)
        if self.endpoint.failing_since is None:
            return "active"
        return "broken" if self.endpoint.failures >= IN_TROUBLE else "limited"

    @property
    def rank(self) -> int:
        """The worst first."""
        return ["broken", "disabled", "limited", "paused", "active"].index(self.word)


def health_of(endpoints: Sequence[WebhookEndpoint]) -> list[Health]:
    """In the same order."""
    with connection.cursor() as cursor:
        cursor.execute(HEALTH, [[endpoint.pk for endpoint in endpoints]])
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    return [Health(endpoint, *rows[endpoint.pk]) for endpoint in endpoints]


def in_trouble() -> int:
    """How many endpoints fail again and again, or were disabled for it."""
    return (
        WebhookEndpoint.objects.filter(state=EndpointState.ACTIVE, failures__gte=IN_TROUBLE) | WebhookEndpoint.objects.filter(state=EndpointState.DISABLED)
    ).count()
