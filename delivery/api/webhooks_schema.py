"""What the OpenAPI page says of webhooks."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from delivery.api.schema import _ALWAYS, _BODY, _PAGING, _object, _problems, _query, _text
from delivery.webhooks.endpoints import LONGEST_DESCRIPTION, MOST_A_TENANT
from delivery.webhooks.kinds import EventKind
from delivery.webhooks.models import EndpointState, EventState
from delivery.webhooks.retry import GIVE_UP_AFTER
from mailplatform.shell.outgoing import LONGEST_URL
from mailplatform.shell.rest import PROBLEM_TYPE

_KINDS = [kind.value for kind in EventKind]
_FIELDS = {
    "url": _text("https://…; what it resolves to must be public.", format="uri", maxLength=LONGEST_URL),
    "description": _text(maxLength=LONGEST_DESCRIPTION),
    "events": {"type": "array", "items": {"type": "string", "enum": _KINDS}, "maxItems": 100, "description": "Which it hears; empty or left out: all."},
    "streams": {"type": "array", "items": _text(), "maxItems": 100, "description": "Only these streams' mail; empty or left out: all."},
    "state": {"type": "string", "enum": ["active", "paused"], "description": "While it is paused, what happens is written down and waits."},
}
_NEW = _object(_FIELDS, ["url"], title="New webhook")
_CHANGED = {"type": "object", "properties": _FIELDS, "additionalProperties": False, "title": "Changed webhook"}
_REPLAY = {
    "type": "object",
    "title": "Replay",
    "additionalProperties": False,
    "properties":     {
        "since": _text("What was given up of what happened since then; RFC 3339 with a zone.", format="date-time"),
        "event_id": {"type": "integer", "minimum": 0, "description": "In place of since: this one event, whatever came of it."},
        "preview": {"type": "boolean", "default": False, "description": "Only count."},
    },
}


class WebhookAnswer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    url = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    events = serializers.ListField(child=serializers.ChoiceField(choices=_KINDS))
    streams = serializers.ListField(child=serializers.CharField(), help_text="Empty: all.")
    state = serializers.CharField(help_text=", ".join(EndpointState.values))
    stopped_why = serializers.CharField(allow_blank=True, help_text="Why the platform disabled it.")
    failing_since = serializers.DateTimeField(allow_null=True, help_text="Nothing has come through since then.")
    failures_in_a_row = serializers.IntegerField()
    last_problem = serializers.CharField(allow_blank=True)
    last_success_at = serializers.DateTimeField(allow_null=True)
    last_failure_at = serializers.DateTimeField(allow_null=True)
    next_try_at = serializers.DateTimeField(allow_null=True, help_text="Nothing is sent before.")
    old_secret_until = serializers.DateTimeField(allow_null=True, help_text="Until then the secret before the last rotation signs too.")
    created_at = serializers.DateTimeField()


class WebhookWithSecret(WebhookAnswer):
    secret = serializers.CharField(help_text="whsec_…: verifies signatures. It is told only now.")


class WebhookList(serializers.Serializer[Any]):
    data = WebhookAnswer(many=True)  # type: ignore[assignment]


class TestAnswer(serializers.Serializer[Any]):
    event_id = serializers.IntegerField(help_text="Ask the log for it: ?event=…")
    webhook_id = serializers.CharField()


class TryAnswer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    number = serializers.IntegerField(help_text="Which try of its event, from 1.")
    ok = serializers.BooleanField()
    status = serializers.IntegerField(allow_null=True, help_text="Null: there was no answer.")
    milliseconds = serializers.IntegerField()
    problem = serializers.CharField(allow_blank=True)
    answer = serializers.CharField(allow_blank=True, help_text="The beginning of what was answered.")
    event_id = serializers.IntegerField(allow_null=True)
    webhook_id = serializers.CharField(allow_null=True, help_text="The header webhook-id, the same in every try.")
    type = serializers.CharField(allow_null=True)
    event_state = serializers.ChoiceField(choices=list(EventState.values), allow_null=True)
    message_id = serializers.UUIDField(allow_null=True)
    delivery_id = serializers.UUIDField(allow_null=True)
    happened_at = serializers.DateTimeField(allow_null=True)


class TryPage(serializers.Serializer[Any]):
    data = TryAnswer(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class ReplayAnswer(serializers.Serializer[Any]):
    events = serializers.IntegerField(help_text="How many go, or would go, again.")
    preview = serializers.BooleanField()


_FULL = {(409, PROBLEM_TYPE): OpenApiResponse(description="There are as many as there may be.", response=OpenApiTypes.OBJECT)}
_ID = OpenApiParameter("endpoint_id", {"type": "integer", "minimum": 1}, OpenApiParameter.PATH)
_EXAMPLE = OpenApiExample(
    "Bounces and complaints", value={"url": "https://acme.example/hooks", "events": ["message.bounced", "message.complained"]}, request_only=True
)


def _described(operation: str, summary: str, responses: dict[Any, Any], description: str = "", **more: Any) -> Any:
    return extend_schema(operation_id=operation, summary=summary, description=description, tags=["webhooks"], responses=responses, **more)


LIST = _described("list_webhooks", "List webhook endpoints", {200: WebhookList, **_problems(400, *_ALWAYS)}, f"A tenant has at most {MOST_A_TENANT}.")
CREATE = _described(
    "add_webhook", "Be told what befalls messages", {201: WebhookWithSecret, **_FULL, **_problems(*_BODY, *_ALWAYS)},
    "Posts are signed as Standard Webhooks 1.0 has it. Each event is sent at least once, those of one message in their order, again for "
    f"{int(GIVE_UP_AFTER.total_seconds() // 3600)} hours until the endpoint answers 2xx. The answer holds the secret, this once.",
    request={"application/json": _NEW}, examples=[_EXAMPLE],
)  # fmt: skip
READ = _described("read_webhook", "One endpoint and how it is doing", {200: WebhookAnswer, **_problems(404, *_ALWAYS)}, parameters=[_ID])
CHANGE = _described(
    "change_webhook", "Change, pause or enable an endpoint", {200: WebhookAnswer, **_problems(404, *_BODY, *_ALWAYS)}, "What is left out stays as it is.",
    request={"application/json": _CHANGED}, parameters=[_ID],
)  # fmt: skip
DELETE = _described("remove_webhook", "Be told no more", {204: None, **_problems(404, *_ALWAYS)}, "What waits for it is not sent.", parameters=[_ID])
ROTATE = _described(
    "rotate_webhook_secret", "Make a new secret", {200: WebhookWithSecret, **_problems(404, 411, 413, 415, *_ALWAYS)},
    "For 24 hours both secrets sign each request: exchange yours meanwhile.", request=None, parameters=[_ID],
)  # fmt: skip
TEST = _described(
    "test_webhook", "Send a test event now", {202: TestAnswer, **_FULL, **_problems(404, 411, 413, 415, *_ALWAYS)},
    "A webhook.test, sent once whatever the endpoint's state and filter. The log tells what came of it, within seconds.", request=None, parameters=[_ID],
)  # fmt: skip
LOG = _described(
    "list_webhook_tries", "What was sent to an endpoint, and what it answered", {200: TryPage, **_problems(400, 404, *_ALWAYS)}, "Newest first.",
    parameters=[_ID, *_PAGING, _query("failed", "true: only what failed.", enum=["true", "false"]), _query("event", "Only tries of this event.")],
)  # fmt: skip
REPLAY = _described(
    "replay_webhook", "Send again what was given up", {200: ReplayAnswer, **_problems(404, *_BODY, *_ALWAYS)},
    "With preview it is only counted; at most 100,000 at once. Events keep their webhook-id.", request={"application/json": _REPLAY}, parameters=[_ID],
)  # fmt: skip
