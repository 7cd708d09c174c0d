"""What the OpenAPI page says of sending domains."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers

from delivery.api import schema
from delivery.domains.claim import MOST_ROTATE_DAYS
from delivery.domains.keys import KeyState
from delivery.domains.readiness import State
from delivery.domains.records import Need
from mailplatform.shell.rest import PROBLEM_TYPE
from mailplatform.tenants.models import DomainCheck

_RETURN_PATH = {
    "type": "string", "maxLength": 253, "nullable": True,
    "description": "A name below the domain, to be an alias (CNAME) for the platform's return path: SPF is then aligned, too. Null: the platform's.",
}  # fmt: skip
_ROTATE = {"type": "integer", "minimum": 0, "maximum": MOST_ROTATE_DAYS, "description": "New DKIM keys are made after so many days; 0: never by themselves."}
_NEW = {
    "type": "object", "additionalProperties": False, "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 3, "maxLength": 253, "example": "mail.acme.example"}, "return_path": _RETURN_PATH, "rotate_days": _ROTATE,
    },
}  # fmt: skip
_CHANGE = {"type": "object", "additionalProperties": False, "minProperties": 1, "properties": {"return_path": _RETURN_PATH, "rotate_days": _ROTATE}}


class RecordAnswer(serializers.Serializer[Any]):
    name = serializers.CharField()
    type = serializers.ChoiceField(choices=["TXT", "CNAME"])
    value = serializers.CharField(help_text="Whole, as it is to be published.")
    strings = serializers.ListField(child=serializers.CharField(), help_text="The same in strings of at most 255 characters, as DNS stores TXT.")
    need = serializers.ChoiceField(choices=[need.value for need in Need])
    why = serializers.CharField()
    instead = serializers.CharField(allow_null=True, help_text="A CNAME's target that may stand there in place of it.")


class KeyAnswer(serializers.Serializer[Any]):
    selector = serializers.CharField()
    algorithm = serializers.CharField()
    state = serializers.CharField(help_text=f"One of: {', '.join(KeyState)}.")
    created_at = serializers.DateTimeField()
    activated_at = serializers.DateTimeField(allow_null=True)
    retired_at = serializers.DateTimeField(allow_null=True)
    record_needed_until = serializers.DateTimeField(allow_null=True, help_text="Mail under way was signed with it: until then its record stays.")


class CheckAnswer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    subject = serializers.CharField(allow_blank=True, help_text="The selector, where it is about one key.")
    answer = serializers.ChoiceField(choices=DomainCheck.Answer.values, help_text="unknown: it could not be asked, and counts as nothing.")
    sentence = serializers.CharField()
    caution = serializers.CharField(allow_blank=True)
    expected = serializers.CharField(allow_blank=True)
    seen = serializers.ListField(child=serializers.CharField(), help_text="What DNS said.")
    checked_at = serializers.DateTimeField()
    since = serializers.DateTimeField()


class RequirementAnswer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField(help_text=f"One of: {', '.join(State)}.")
    sentence = serializers.CharField()
    to_do = serializers.CharField(allow_blank=True)


class ProviderReadiness(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    link = serializers.CharField(help_text="The provider's own page.")
    state = serializers.CharField()
    requirements = RequirementAnswer(many=True)


class ReadinessAnswer(serializers.Serializer[Any]):
    state = serializers.CharField(help_text="met: ready for bulk mail at each of them.")
    sentence = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    providers = ProviderReadiness(many=True)


class _DomainHead(serializers.Serializer[Any]):
    name = serializers.CharField()
    verified = serializers.BooleanField()
    verified_at = serializers.DateTimeField(allow_null=True)
    return_path = serializers.CharField(allow_null=True)
    return_path_used = serializers.BooleanField(help_text="It was seen right: mail goes out with it.")
    rotate_days = serializers.IntegerField()
    readiness_state = serializers.CharField()
    summary = serializers.CharField()
    created_at = serializers.DateTimeField()
    checked_at = serializers.DateTimeField(allow_null=True)
    next_check_at = serializers.DateTimeField(allow_null=True)


class DomainAnswer(_DomainHead):
    records = RecordAnswer(many=True)
    keys = KeyAnswer(many=True)
    checks = CheckAnswer(many=True)
    readiness = ReadinessAnswer()


class DomainPage(serializers.Serializer[Any]):
    data = _DomainHead(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class RemovalAnswer(serializers.Serializer[Any]):
    possible = serializers.BooleanField()
    waiting = serializers.IntegerField(allow_null=True, help_text="Deliveries that still wait, 1000 at most; null: not to be counted in time.")
    sentence = serializers.CharField()


_PREVIEW = schema.query("preview", "true: say what would happen, and change nothing.", enum=["true", "false"])


def _conflict(words: str, status: int = 409) -> dict[Any, Any]:
    return {(status, PROBLEM_TYPE): OpenApiResponse(schema.ProblemAnswer, words)}


LIST: Any = extend_schema(
    operation_id="list_domains", summary="List sending domains, the latest first", tags=["domains"],
    parameters=[*schema.PAGING, schema.query("name", "Only this name.")], responses={200: DomainPage, **schema.problems(400, *schema.ALWAYS)},
)  # fmt: skip
CREATE: Any = extend_schema(
    operation_id="add_domain", summary="Claim a domain, and get the records to publish",
    description="201 when it is new, 200 with the one that is there when it is not. It may stand in From once its ownership record is seen.",
    tags=["domains"], request={"application/json": _NEW},
    responses={201: DomainAnswer, 200: DomainAnswer, **schema.problems(*schema.BODY, *schema.ALWAYS)},
)  # fmt: skip
READ: Any = extend_schema(
    operation_id="read_domain", summary="A domain: records, keys, what DNS says, readiness", tags=["domains"],
    responses={200: DomainAnswer, **schema.problems(404, *schema.ALWAYS)},
)  # fmt: skip
CHANGE: Any = extend_schema(
    operation_id="change_domain", summary="Change its return path or the rhythm of its keys", tags=["domains"], request={"application/json": _CHANGE},
    responses={200: DomainAnswer, **schema.problems(404, *schema.BODY, *schema.ALWAYS)},
)  # fmt: skip
DELETE: Any = extend_schema(
    operation_id="delete_domain", summary="Delete a domain and its keys",
    description="Refused with 409 while mail of it waits. With preview=true it says what would happen (200).",
    tags=["domains"], parameters=[_PREVIEW],
    responses={204: None, 200: RemovalAnswer, **schema.problems(400, 404, *schema.ALWAYS), **_conflict("Mail of it still waits.")},
)  # fmt: skip
CHECK: Any = extend_schema(
    operation_id="check_domain", summary="Ask DNS now",
    description="Takes a few seconds. Domains are asked for by themselves, hourly while something is missing, daily else.",
    tags=["domains"], request=None,
    responses={200: DomainAnswer, **schema.problems(404, 411, 413, 415, *schema.ALWAYS), **_conflict("It was asked a moment ago, see Retry-After.", 429)},
)  # fmt: skip
ROTATE: Any = extend_schema(
    operation_id="rotate_domain_keys", summary="Make new DKIM keys",
    description="They wait until their records are seen, then sign in place of the former ones. With preview=true it says what would happen.",
    tags=["domains"], request=None, parameters=[_PREVIEW],
    responses={200: DomainAnswer, **schema.problems(400, 404, 411, 413, 415, *schema.ALWAYS), **_conflict("New keys wait for their records already.")},
)  # fmt: skip
