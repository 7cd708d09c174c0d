"""Mail for the broken path: campaigns of the demo's tenants to made-up people at Gmail, so that a person sees within seconds what real traffic would show.

Owns nothing. Promises: bounded (CAMPAIGNS of EACH a tenant, once a drill), through the REST API with each tenant's own key, along the streams whose pool has
the broken IP. Never: outside of the sandbox. How it fails: silently; the demo's other traffic shows the same, later.
"""

import http.client
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from django.db import connection

from monitoring.own_message import post

CAMPAIGNS, EACH = 3, 12
TENANTS = 3
# A stream of each tenant whose mail this IP carries: the pool's own member first.
_STREAMS = """
SELECT DISTINCT ON (t.id) t.name, s.name, d.name
  FROM pools_poolmember m JOIN pools_stream s ON s.pool_id = m.pool_id JOIN tenants_tenant t ON t.id = s.tenant_id
  JOIN tenants_sendingdomain d ON d.tenant_id = t.id AND d.verified_at IS NOT NULL
 WHERE m.ip_id = %s ORDER BY t.id, m.own DESC, s.purpose DESC, d.id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose mail it is."""

    tenant: str
    stream: str
    domain: str


def send(data: Path, url: str, ip_id: int) -> threading.Thread:
    """In a thread of its own, a campaign of each tenant after the other: the click is answered at once."""
    with connection.cursor() as cursor:
        cursor.execute(_STREAMS, [ip_id, TENANTS])
        senders = [Sender(*row) for row in cursor.fetchall()]
    thread = threading.Thread(target=_send, args=(data, url, senders), name="break drill's mail", daemon=True)
    thread.start()
    return thread


def _send(data: Path, url: str, senders: list[Sender]) -> None:
    try:
        keys = json.loads((data / "demo-keys.json").read_text())
        for number in range(CAMPAIGNS):
            for sender in senders:
                if isinstance(key := keys.get(sender.tenant), str):
                    post(url, "/api/v1/messages/batch", key, {"messages": campaign(sender, number)})
    except (OSError, ValueError, AttributeError, http.client.HTTPException):
        return  # the API is down, or there are no demo tenants: the demo's own traffic has to do


def campaign(sender: Sender, number: int) -> list[dict[str, object]]:
    """One content for all of its recipients."""
    subject = f"Offer {number + 1} of {sender.tenant}, {uuid4().hex[:6]}"
    return [
        {
            "from": f"{sender.tenant.title()} <news@{sender.domain}>", "to": f"guest-{uuid4().hex[:8]}@gmail.com", "subject": subject, "stream": sender.stream,
            "text": f"{subject}\n\nPart of a drill: one sending IP is refused at Gmail, and this mail finds another way.\n", "tags": ["drill"],
        }
        for _ in range(EACH)
    ]  # fmt: skip
