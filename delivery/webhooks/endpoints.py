"""Endpoints: made, changed, stopped and tested, by the API and the console alike.

Promises: what was given is looked at whole, and every problem named; a secret leaves this module once, when it is made; an endpoint that is switched on
again begins afresh. Never: finds another tenant's endpoint (callers ask through `of_tenant`), connects to anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from delivery.webhooks import wishes
from delivery.webhooks.kinds import TEST, EventKind
from delivery.webhooks.models import EndpointState, EventState, WebhookEndpoint, WebhookEvent
from delivery.webhooks.outbox import webhook_id
from delivery.webhooks.signature import new_secret
from mailplatform.shell.clock import now
from mailplatform.shell.ids import time_ordered_id
from mailplatform.shell.notices import clear_notice
from mailplatform.shell.outgoing import UrlRefused, permitted, where
from mailplatform.shell.problems import Problem
from mailplatform.shell.secrets import encrypt
from mailplatform.tenants.models import Tenant
from pools.models import Stream

FIELDS = ("url", "description", "events", "streams", "state")
MOST_A_TENANT = 20
MOST_TESTS = 5  # that wait at the same time
LONGEST_DESCRIPTION = 200
BOTH_SIGN_FOR = timedelta(hours=24)
NOTICE = "webhook_disabled"


class TooMany(Exception):
    """The text says of what."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Values as the model keeps them, or what is wrong with them."""

    values: Mapping[str, Any]
    problems: Sequence[Problem] = ()


def of_tenant(tenant_id: int | None) -> QuerySet[WebhookEndpoint]:
    """A tenant's, or everybody's for operators."""
    rows = WebhookEndpoint.objects.select_related("tenant").order_by("id")
    return rows if tenant_id is None else rows.filter(tenant_id=tenant_id)


def checked(data: object, tenant_id: int, *, is_new: bool) -> Checked:
    """What a person or program gave: url, description, events, streams (names), state."""
    if not isinstance(data, dict):
        return Checked({}, [Problem("body", "An endpoint is a JSON object.")])
    problems = [Problem(str(name)[:80], "There is no such field.") for name in data if name not in FIELDS][:100]
    if is_new and "url" not in data:
        problems.append(Problem("url", "It is missing."))
    values: dict[str, Any] = {}
    for name, look in _LOOKS.items():
        if name in data:
            try:
                values |= look(data[name], tenant_id)
            except _Wrong as no:
                problems.append(Problem(no.field, no.problem))
    return Checked(values, problems)


def create(tenant: Tenant, values: Mapping[str, Any]) -> tuple[WebhookEndpoint, str]:
    """The endpoint and its secret, which nobody can read again."""
    secret = new_secret()
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=tenant.pk)  # so that two at once are counted
        if WebhookEndpoint.objects.filter(tenant=tenant).count() >= MOST_A_TENANT:
            raise TooMany(f"A tenant has at most {MOST_A_TENANT} webhook endpoints.")
        made = WebhookEndpoint.objects.create(tenant=tenant, secret_encrypted=encrypt(secret.encode()), created_at=now(), **values)
    wishes.forget()
    return made, secret


def change(endpoint: WebhookEndpoint, values: Mapping[str, Any]) -> WebhookEndpoint:
    """Change what was given; another address, or active again, is a new beginning for how it is doing."""
    changed = dict(values)
    if changed.get("state", endpoint.state) == EndpointState.ACTIVE and (endpoint.state != EndpointState.ACTIVE or "url" in changed):
        changed |= {"stopped_why": "", "failures": 0, "failing_since": None, "retry_at": None}
        clear_notice(NOTICE, f"webhook {endpoint.pk}")
    for name, value in changed.items():
        setattr(endpoint, name, value)
    if changed:
        endpoint.save(update_fields=list(changed))
    wishes.forget()
    return endpoint


def remove(endpoint: WebhookEndpoint) -> None:
    """Its log goes with its age; what waits for it is not sent any more."""
    clear_notice(NOTICE, f"webhook {endpoint.pk}")
    endpoint.delete()
    wishes.forget()


def rotate(endpoint: WebhookEndpoint) -> str:
    """A new secret; for a day the one before signs too."""
    secret = new_secret()
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
        row.old_secret_encrypted, row.old_secret_until = row.secret_encrypted, now() + BOTH_SIGN_FOR
        row.secret_encrypted = encrypt(secret.encode())
        row.save(update_fields=["old_secret_encrypted", "old_secret_until", "secret_encrypted"])
    return secret


def test(endpoint: WebhookEndpoint) -> WebhookEvent:
    """Send a test now, whatever its filter and state; the log tells what was answered."""
    waiting = WebhookEvent.objects.filter(endpoint_id=endpoint.pk, state=EventState.PENDING, kind=TEST)
    if waiting[:MOST_TESTS].count() >= MOST_TESTS:
        raise TooMany(f"{MOST_TESTS} tests wait already.")
    source, at = time_ordered_id(), now()
    return WebhookEvent.objects.create(
        webhook_id=webhook_id(source, TEST, endpoint.pk), tenant_id=endpoint.tenant_id, endpoint_id=endpoint.pk, message_id=source, delivery_id=source,
        source_id=source, kind=TEST, at=at, due_at=at,
    )  # fmt: skip


# -- looking at what was given ---------------------------------------------------------------------------------------
class _Wrong(Exception):
    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field, self.problem = field, problem


def _url(given: object, _: int) -> dict[str, Any]:
    if not isinstance(given, str):
        raise _Wrong("url", "It is a string.")
    try:
        where(given, permitted())
    except UrlRefused as no:
        raise _Wrong("url", str(no)) from None
    return {"url": given}


def _description(given: object, _: int) -> dict[str, Any]:
    if not isinstance(given, str) or len(given) > LONGEST_DESCRIPTION:
        raise _Wrong("description", f"It is a string of at most {LONGEST_DESCRIPTION} characters.")
    return {"description": given.strip()}


def _events(given: object, _: int) -> dict[str, Any]:
    if not isinstance(given, list) or len(given) > 100:
        raise _Wrong("events", "It is a list of types; an empty one is all of them.")
    for number, one in enumerate(given):
        if not isinstance(one, str) or one not in list(EventKind):
            raise _Wrong(f"events[{number}]", f"It is one of {', '.join(EventKind)}.")
    return {"kinds": [kind.value for kind in EventKind if kind in given]}


def _streams(given: object, tenant_id: int) -> dict[str, Any]:
    if not isinstance(given, list) or len(given) > 100:
        raise _Wrong("streams", "It is a list of names; an empty one is all of them.")
    known = dict(Stream.objects.filter(tenant_id=tenant_id).values_list("name", "id"))
    for number, one in enumerate(given):
        if not isinstance(one, str) or one not in known:
            raise _Wrong(f"streams[{number}]", "This tenant has no stream of this name.")
    return {"streams": sorted({known[name] for name in given})}


def _state(given: object, _: int) -> dict[str, Any]:
    if given not in (EndpointState.ACTIVE, EndpointState.PAUSED):
        raise _Wrong("state", "It is active or paused.")
    return {"state": str(given)}


_LOOKS = {"url": _url, "description": _description, "events": _events, "streams": _streams, "state": _state}
