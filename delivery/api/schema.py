"""What the OpenAPI page says of each address.

Requests are described by JSON Schema, as they are parsed by `delivery.submit.parse` and not by serializers; the serializers
below describe answers and never run. tests/api/ holds real answers against this (schemathesis).
"""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from delivery.models import DeliveryState, Suppression
from delivery.submit import headers, parse, submission
from delivery.waits import WHAT
from mailplatform.shell.rest import PROBLEM_TYPE

_STATES = [str(state) for state in DeliveryState.values]


# -- requests -----------------------------------------------------------------------------------------------------
def _object(properties: dict[str, Any], required: list[str], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False, **more}


def _text(description: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "string", **({"description": description} if description else {}), **more}


_ADDRESS = _text("a@example.com or Name <a@example.com>", minLength=3, maxLength=1000)
_ADDRESSES = {"oneOf": [_ADDRESS, {"type": "array", "items": _ADDRESS, "maxItems": submission.MAX_RECIPIENTS}]}
_SOME_ADDRESSES = {"oneOf": [_ADDRESS, {"type": "array", "items": _ADDRESS, "minItems": 1, "maxItems": submission.MAX_RECIPIENTS}]}
_COMMON = {
    "stream": _text("The stream's name; without it the tenant's default stream.", maxLength=60, nullable=True),
    "tags": {"type": "array", "items": _text(minLength=1, maxLength=parse.MAX_TAG), "maxItems": parse.MAX_TAGS, "nullable": True},
    "metadata": {
        "type": "object",
        "description": "Yours, handed back with the message and its events; at most 8 KB. `engagement`, a number from 0 to 1 or high, medium or low, "
        "says how likely the recipients read marketing mail: the best go first among your own, above all along IPs that warm up.",
        "additionalProperties": {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}], "nullable": True},
        "nullable": True,
    },
    "send_at": _text("RFC 3339 with a zone, at most 7 days ahead; what is past is sent at once.", format="date-time", nullable=True),
}
_ATTACHMENT = _object(
    {
        "filename": _text(minLength=1, maxLength=parse.MAX_FILENAME),
        "content_type": _text("Guessed from the file's name when left out.", nullable=True, example="application/pdf"),
        "content": _text("The file in base64.", format="byte"),
        "content_id": _text("Show it in the HTML as cid:…", pattern="^[A-Za-z0-9._@+=-]{1,200}$", nullable=True),
    },
    ["filename", "content"],
)
COMPOSED = _object(
    {
        "from": _ADDRESS,
        "to": _SOME_ADDRESSES,
        "cc": {**_ADDRESSES, "nullable": True},
        "bcc": {**_ADDRESSES, "nullable": True},
        "reply_to": {**_ADDRESSES, "nullable": True},
        "subject": _text(maxLength=parse.MAX_SUBJECT, nullable=True),
        "text": _text(nullable=True),
        "html": _text(nullable=True),
        "headers": {
            "type": "object",
            "additionalProperties": _text(maxLength=headers.MAX_VALUE),
            "maxProperties": headers.MAX_FIELDS,
            "description": "Header fields of your own, like List-Unsubscribe or X-…",
            "nullable": True,
        },
        "attachments": {"type": "array", "items": _ATTACHMENT, "maxItems": parse.MAX_ATTACHMENTS, "nullable": True},
        **_COMMON,
    },
    ["from", "to"],
    title="Message",
    description="Needs text, html or attachments.",
)
RAW = _object(
    {
        "raw": _text("A whole MIME message in base64, its lines ended with CR LF.", format="byte"),
        "from": {**_ADDRESS, "nullable": True},
        "to": {**_SOME_ADDRESSES, "nullable": True, "description": "Left out: everybody in its To, Cc and Bcc."},
        **_COMMON,
    },
    ["raw"],
    title="Raw message",
)
_MESSAGE = {"oneOf": [COMPOSED, RAW]}
_BATCH = _object({"messages": {"type": "array", "items": _MESSAGE, "minItems": 1, "maxItems": submission.MAX_BATCH}}, ["messages"])
_SUPPRESSION = _object(
    {
        "address": _ADDRESS,
        "reason": {"type": "string", "enum": list(Suppression.Reason.values), "default": "manual"},
        "stream": _text("Only this stream's mail; left out: all of it.", nullable=True),
        "detail": _text(maxLength=500),
    },
    ["address"],
)


# -- answers ------------------------------------------------------------------------------------------------------
class DeliveryRef(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    to = serializers.CharField(help_text="The recipient's address.")
    state = serializers.ChoiceField(choices=_STATES)
    reason = serializers.CharField(required=False, help_text="Only of a suppressed one: suppressed.bounce, .complaint, .unsubscribe or .manual.")


class Accepted(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    deliveries = DeliveryRef(many=True)


class AcceptedBatch(serializers.Serializer[Any]):
    messages = Accepted(many=True)


class Cancelled(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    cancelled = serializers.IntegerField(help_text="How many deliveries will not be sent any more.")
    deliveries = DeliveryRef(many=True)


class AttemptAnswer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    verdict = serializers.CharField()
    reason = serializers.CharField()
    fault = serializers.CharField()
    phase = serializers.CharField()
    code = serializers.IntegerField(allow_null=True)
    enhanced = serializers.CharField(allow_blank=True)
    reply = serializers.CharField(allow_blank=True, help_text="The provider's own words.")
    mx_host = serializers.CharField(allow_blank=True)
    mx_address = serializers.CharField(allow_null=True)
    tls = serializers.CharField(allow_blank=True)
    sending_ip = serializers.CharField(allow_null=True)
    provider = serializers.CharField(allow_null=True)


class WaitingAnswer(serializers.Serializer[Any]):
    what = serializers.ChoiceField(choices=WHAT)
    until = serializers.DateTimeField(allow_null=True, help_text="When that is over, as far as anybody knows.")
    sentence = serializers.CharField(help_text="For people to read; its words may change.")


class DsnAnswer(serializers.Serializer[Any]):
    action = serializers.ChoiceField(choices=["relayed", "failed"], help_text="RFC 3464 §2.3.3.")
    status = serializers.CharField(help_text="RFC 3463: the provider's own enhanced code, or what the reason says.")


class DeliveryAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    to = serializers.CharField()
    role = serializers.ChoiceField(choices=["to", "cc", "bcc"])
    state = serializers.ChoiceField(choices=_STATES)
    reason = serializers.CharField(allow_blank=True)
    reply = serializers.CharField(allow_blank=True)
    provider = serializers.CharField(allow_null=True)
    done_at = serializers.DateTimeField(allow_null=True)
    dsn = DsnAnswer(allow_null=True, help_text="How it ended, as a delivery status notification has it; null while it lives, and when it was cancelled.")
    waiting_for = WaitingAnswer(allow_null=True, help_text="Null when it is being sent, or final.")
    attempts = AttemptAnswer(many=True)


class EventAnswer(serializers.Serializer[Any]):
    delivery_id = serializers.UUIDField(help_text="Or the message's id, when it is about all of it.")
    kind = serializers.CharField()
    at = serializers.DateTimeField()
    data = serializers.DictField()  # type: ignore[assignment]


class _MessageHead(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    subject = serializers.CharField(allow_blank=True)
    stream = serializers.CharField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    metadata = serializers.DictField()
    recipients = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    send_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        """`from` is a Python keyword, so it is put in here."""
        return {"from": serializers.CharField(), **super().get_fields()}


class MessageSummary(_MessageHead):
    states = serializers.DictField(child=serializers.IntegerField(), help_text="How many deliveries are in which state.")


class MessagePage(serializers.Serializer[Any]):
    data = MessageSummary(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True, help_text="Ask for the next page with ?cursor=…; null on the last one.")


class MessageAnswer(_MessageHead):
    deliveries = DeliveryAnswer(many=True)
    events = EventAnswer(many=True)


class SuppressionAnswer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    address = serializers.CharField()
    stream = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class SuppressionPage(serializers.Serializer[Any]):
    data = SuppressionAnswer(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class RefusedLine(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    problem = serializers.CharField()
    text = serializers.CharField(allow_blank=True)


class ImportAnswer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    state = serializers.CharField(help_text="preview (uploaded in the console), queued, running, done, failed, cancelled.")
    format = serializers.CharField(help_text="ours, sendgrid_bounces, ses, postmark, mailgun_bounces, plain …")
    recognised_as = serializers.CharField(help_text="The same in words.")
    encoding = serializers.CharField(help_text="utf-8, utf-16-le, utf-16-be; latin-1: some lines were no UTF-8.")
    columns = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField(help_text="Of rows that say none.")
    stream = serializers.CharField(allow_null=True)
    file_name = serializers.CharField(allow_blank=True)
    size_bytes = serializers.IntegerField()
    lines = serializers.IntegerField()
    lines_done = serializers.IntegerField()
    added = serializers.IntegerField()
    already_there = serializers.IntegerField()
    refused = serializers.IntegerField()
    refused_lines = RefusedLine(many=True, help_text="The first 100.")
    problem = serializers.CharField(allow_blank=True, help_text="Why it failed.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class ImportPage(serializers.Serializer[Any]):
    data = ImportAnswer(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class FieldProblem(serializers.Serializer[Any]):
    field = serializers.CharField(allow_blank=True, help_text="messages[3].to[0], headers.X-Foo, Idempotency-Key …")
    problem = serializers.CharField()


class ProblemAnswer(serializers.Serializer[Any]):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = FieldProblem(many=True)  # type: ignore[assignment]


# -- addresses ----------------------------------------------------------------------------------------------------
_MEANING = {
    400: "Not JSON, or not text that can be stored.",
    401: "No valid key.",
    403: "The key may not do this, or the tenant is suspended.",
    404: "Nothing of this tenant's is there.",
    409: "A request with this Idempotency-Key is being worked on.",
    411: "A body without Content-Length.",
    413: "The request is too large.",
    415: "Not application/json.",
    422: "Understood, and wrong: errors names the fields.",
    429: "Beyond the tenant's daily cap.",
    503: "Nothing was accepted; send it again after Retry-After.",
}
_PROBLEM_EXAMPLE = OpenApiExample(
    "A problem",
    value={
        "type": "urn:mailplatform:problem:invalid-request",
        "title": "The request is not valid.",
        "status": 422,
        "detail": "from: other.example is not a sending domain of this tenant.",
        "errors": [{"field": "from", "problem": "other.example is not a sending domain of this tenant."}],
    },
    response_only=True,
    status_codes=["422"],
    media_type=PROBLEM_TYPE,
)
_ANSWER_EXAMPLE = OpenApiExample(
    "Accepted",
    value={
        "id": "0193a5f2-7c1e-7b42-9d1a-5e8f2c000000",
        "deliveries": [{"id": "0193a5f2-7c1e-7b42-9d1a-5e8f2c000100", "to": "anna@gmail.com", "state": "queued"}],
    },
    response_only=True,
    status_codes=["202"],
)
EXAMPLE = {
    "from": "Acme <hello@acme.example>",
    "to": "Anna <anna@gmail.com>",
    "subject": "Your order",
    "text": "It is on its way.",
    "html": "<p>It is on its way.</p>",
    "stream": "receipts",
    "tags": ["order"],
    "metadata": {"order": 4711},
}
_MESSAGE_EXAMPLE = OpenApiExample("A message", value=EXAMPLE, request_only=True)
_IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="1 to 255 printable ASCII characters. The same request under the same key within 24 hours gets the first answer again.",
    pattern="^[ -~]{1,255}$",
)


def _problems(*statuses: int) -> dict[Any, Any]:
    return {(status, PROBLEM_TYPE): OpenApiResponse(ProblemAnswer, _MEANING[status]) for status in statuses}


def _conflict(meaning: str) -> dict[Any, Any]:
    return {(409, PROBLEM_TYPE): OpenApiResponse(ProblemAnswer, meaning)}


def _query(name: str, description: str, kind: Any = OpenApiTypes.STR, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **more)


_PAGING = [
    _query("limit", "1 to 200, 50 by default.", {"type": "integer", "minimum": 1, "maximum": 200}),
    _query("cursor", "next_cursor of the page before."),
]
_ALWAYS = (401, 403, 503)
_BODY = (400, 411, 413, 415, 422)
problems, query, PAGING, ALWAYS, BODY = _problems, _query, _PAGING, _ALWAYS, _BODY  # for addresses that are described in a module of their own

SEND: Any = extend_schema(
    operation_id="send_message",
    summary="Send a message",
    description="202 once it is stored for good. Each of to, cc and bcc is a delivery; an address named twice gets one.",
    tags=["messages"],
    request={"application/json": _MESSAGE},
    parameters=[_IDEMPOTENCY],
    responses={202: Accepted, **_problems(*_BODY, *_ALWAYS, 409, 429)},
    examples=[_MESSAGE_EXAMPLE, _ANSWER_EXAMPLE, _PROBLEM_EXAMPLE],
)
SEND_BATCH: Any = extend_schema(
    operation_id="send_batch",
    summary="Send up to 1,000 messages",
    description="All or none: one message that cannot be accepted refuses the batch, and errors names it as messages[3].to. At most 10,000 recipients in all.",
    tags=["messages"],
    request={"application/json": _BATCH},
    parameters=[_IDEMPOTENCY],
    responses={202: AcceptedBatch, **_problems(*_BODY, *_ALWAYS, 409, 429)},
    examples=[OpenApiExample("Two messages", value={"messages": [EXAMPLE, {**EXAMPLE, "to": ["bob@outlook.com"]}]}, request_only=True), _PROBLEM_EXAMPLE],
)
LIST: Any = extend_schema(
    operation_id="list_messages",
    summary="List messages, newest first",
    tags=["messages"],
    parameters=[
        *_PAGING,
        _query("state", "Messages with a delivery in this state.", enum=_STATES),
        _query("recipient", "An address."),
        _query("tag", "One of the message's tags."),
        _query("stream", "A stream's name."),
        _query("from", "Accepted at or after this time.", OpenApiTypes.DATETIME),
        _query("to", "Accepted before this time.", OpenApiTypes.DATETIME),
    ],
    responses={200: MessagePage, **_problems(400, *_ALWAYS)},
)
READ: Any = extend_schema(
    operation_id="read_message",
    summary="Follow a message: its deliveries, their attempts, events",
    tags=["messages"],
    responses={200: MessageAnswer, **_problems(404, *_ALWAYS)},
)
CANCEL: Any = extend_schema(
    operation_id="cancel_message",
    summary="Cancel what was not sent yet",
    description="Deliveries that are scheduled, queued, deferred or held. Those that are being sent, or were, stay as they are. Again changes nothing.",
    tags=["messages"],
    request=None,
    responses={200: Cancelled, **_problems(404, 411, 413, 415, *_ALWAYS)},
)
_REASONS = list(Suppression.Reason.values)
_SUPPRESSION_FILTERS = [
    _query("address", "Only this address."),
    _query("contains", "Addresses that hold this; looked for row by row, for at most 5 seconds."),
    _query("reason", "Only of this reason.", enum=_REASONS),
    _query("stream", "Only of this stream's own."),
    _query("since", "Suppressed at or after this time.", OpenApiTypes.DATETIME),
]
SUPPRESSIONS: Any = extend_schema(
    operation_id="list_suppressions",
    summary="List addresses that are not mailed, the latest first",
    tags=["suppressions"],
    parameters=[*_PAGING, *_SUPPRESSION_FILTERS],
    responses={200: SuppressionPage, **_problems(400, *_ALWAYS)},
)
SUPPRESS: Any = extend_schema(
    operation_id="add_suppression",
    summary="Stop mailing an address",
    description="201 when it is new, 200 with the one that is there when it is not.",
    tags=["suppressions"],
    request={"application/json": _SUPPRESSION},
    responses={201: SuppressionAnswer, 200: SuppressionAnswer, **_problems(*_BODY, *_ALWAYS)},
)
UNSUPPRESS: Any = extend_schema(
    operation_id="remove_suppression",
    summary="Mail an address again",
    description="Who complained is mailed again only with ?confirm=complaint; without it: 409.",
    tags=["suppressions"],
    parameters=[_query("confirm", "The word complaint, for an address that complained.")],
    responses={204: None, **_problems(400, 404, *_ALWAYS), **_conflict("A complaint, and not confirmed.")},
)
EXPORT_SUPPRESSIONS: Any = extend_schema(
    operation_id="export_suppressions",
    summary="All suppressions as CSV",
    description="UTF-8, oldest first: address, reason, stream, detail, created_at. What a spreadsheet would take for a formula begins with an apostrophe; "
    "an import takes it off again.",
    tags=["suppressions"],
    parameters=_SUPPRESSION_FILTERS,
    responses={(200, "text/csv"): OpenApiTypes.STR, **_problems(400, *_ALWAYS)},
)
IMPORTS: Any = extend_schema(
    operation_id="list_suppression_imports",
    summary="List imports, the latest first",
    tags=["suppressions"],
    parameters=_PAGING,
    responses={200: ImportPage, **_problems(400, *_ALWAYS)},
)
IMPORT: Any = extend_schema(
    operation_id="import_suppressions",
    summary="Import a file of suppressions",
    description="The file is the body: at most 100 MB and a million addresses, as CSV (comma, semicolon, tab), JSON lines, or a JSON document. Exports of this "
    "platform, SendGrid, Amazon SES, Postmark and Mailgun are recognised by their columns. 202 once the file is stored; one import at a time, else 409.",
    tags=["suppressions"],
    request={"text/csv": {"type": "string"}, "application/x-ndjson": {"type": "string"}},
    parameters=[
        _query("reason", "Of rows that say none; without it what the file is known to mean, else manual.", enum=_REASONS),
        _query("stream", "Unsubscribes and manual rows that name no stream are for this one alone; without it for all mail."),
        _query("file_name", "For people to recognise it."),
    ],
    responses={202: ImportAnswer, **_problems(400, 411, 413, 415, 422, *_ALWAYS), **_conflict("Another import of this tenant is under way.")},
)
READ_IMPORT: Any = extend_schema(
    operation_id="read_suppression_import",
    summary="How far an import is, and what came of it",
    tags=["suppressions"],
    responses={200: ImportAnswer, **_problems(404, *_ALWAYS)},
)
CANCEL_IMPORT: Any = extend_schema(
    operation_id="cancel_suppression_import",
    summary="Take in no more of a file",
    description="What was taken in stays. Again, or when it is over: 200 and how it ended.",
    tags=["suppressions"],
    responses={200: ImportAnswer, **_problems(404, *_ALWAYS)},
)
