"""What the OpenAPI page says. The serializers here describe and never run: requests are parsed by `delivery.submit.parse`."""

from typing import Any

from drf_spectacular.utils import extend_schema

SEND: Any = extend_schema(summary="Send a message")
SEND_BATCH: Any = extend_schema(summary="Send up to 1,000 messages")
