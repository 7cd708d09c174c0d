"""What the OpenAPI page says of a tenant's standing."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from delivery.api import schema
from pools.neighbours.models import Level, StandingAction
from pools.neighbours.standing import Measure


class StandingLimits(serializers.Serializer[Any]):
    warned = serializers.FloatField(allow_null=True)
    slowed = serializers.FloatField(allow_null=True)
    held = serializers.FloatField(allow_null=True)


class StandingRate(serializers.Serializer[Any]):
    of = serializers.ChoiceField(choices=[str(each) for each in Measure])
    window = serializers.CharField(help_text="The half-life of what is counted.")
    percent = serializers.FloatField()
    surely_percent = serializers.FloatField(help_text="The lower end of its interval: what the thresholds are compared with.")
    samples = serializers.IntegerField()
    enough = serializers.BooleanField(help_text="Whether there are enough samples to say anything.")
    thresholds_percent = StandingLimits(help_text="Null: this rate never leads there.")


class StandingStream(serializers.Serializer[Any]):
    name = serializers.CharField()
    held = serializers.BooleanField(help_text="Its mail is accepted and waits for the platform's operator.")
    held_because = serializers.CharField(allow_blank=True)
    rates = StandingRate(many=True)


class StandingDeed(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=StandingAction.Kind.values)
    stream = serializers.CharField(allow_null=True, help_text="Null: all of the tenant's.")
    sentence = serializers.CharField()
    since = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True, help_text="Null: the operator ends it.")


class StandingCap(serializers.Serializer[Any]):
    in_24_hours = serializers.IntegerField()
    accepted = serializers.IntegerField()
    grows = serializers.BooleanField(help_text="Each day in good standing on which the tenant sends raises it.")


class StandingAnswer(serializers.Serializer[Any]):
    level = serializers.ChoiceField(choices=Level.values)
    since = serializers.DateTimeField(allow_null=True)
    sentence = serializers.CharField(allow_blank=True)
    actions = StandingDeed(many=True)
    streams = StandingStream(many=True)
    cap = StandingCap(allow_null=True)


GET: Any = extend_schema(
    operation_id="read_standing", summary="How this tenant stands",
    description="The tenant's own rates of bounces, complaints and suppressed recipients against the platform's thresholds, and what was done about them.",
    tags=["standing"], responses={200: StandingAnswer, **schema.problems(400, *schema.ALWAYS)},
)  # fmt: skip
