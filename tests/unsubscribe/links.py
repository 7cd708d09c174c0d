"""What mail in the queue carries, and the links in it."""

import re
from uuid import UUID

from django.test import Client

from delivery.models import Ready, Waiting
from tests.api.world import Sender


def own_head(delivery: str) -> bytes | None:
    rows = [*Waiting.objects.filter(pk=delivery), *Ready.objects.filter(pk=delivery)]
    assert len(rows) == 1
    return bytes(rows[0].own_head) if rows[0].own_head is not None else None


def send(client: Client, sender: Sender, **changed: object) -> tuple[str, str]:
    """(delivery's id, path of its link) of a message on the marketing stream."""
    answer = sender.send(client, **{"stream": "news", **changed})
    assert answer.status_code == 202, answer.content
    delivery = answer.json()["deliveries"][0]["id"]
    return delivery, path_of(own_head(delivery) or b"")


def path_of(head: bytes) -> str:
    found = re.search(rb"List-Unsubscribe: <https?://[^/]+(/u/[0-9a-f]+)>,", head)
    assert found, head
    return found[1].decode()


def token_for(delivery: str) -> str:
    from django.conf import settings

    from delivery.unsubscribe.token import token_of

    return token_of(UUID(delivery), settings.SECRET_KEY.encode())
