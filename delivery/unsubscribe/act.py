"""Act: what a recipient asked for comes true, in the caller's transaction: the suppression, what still waits in the queue, the event.

Promises: done twice it changes nothing more; a token reaches only its own delivery's tenant, address and streams; what was asked for is honoured
when the transaction commits, not hours later. An undo takes back exactly what one act added. Never: commits, mails anybody, subscribes anybody
whom the act had not just unsubscribed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from psycopg import Cursor

from delivery.models import Suppression
from delivery.queue.happened import Happened, Kind, tell
from delivery.suppressions.waiting import end_waiting
from delivery.unsubscribe.token import read_token
from mailplatform.shell.clock import now
from mailplatform.shell.ids import message_of
from pools.purposes import Purpose

FIND = """
    SELECT d.tenant_id, d.recipient, coalesce(nullif(t.title, ''), t.name), s.id, s.name
      FROM delivery_delivery d
      JOIN delivery_message m ON m.id = %(message)s
      JOIN tenants_tenant t ON t.id = d.tenant_id
      LEFT JOIN pools_stream s ON s.id = m.stream_id AND s.tenant_id = d.tenant_id
     WHERE d.id = %(delivery)s
"""
MARKETING = "SELECT id FROM pools_stream WHERE tenant_id = %s AND (purpose = %s OR id = %s) ORDER BY id"
ADD = """
    INSERT INTO delivery_suppression (tenant_id, stream_id, address, reason, detail, created_at)
    SELECT %(tenant)s, stream_id, %(address)s, 'unsubscribe', %(detail)s, %(at)s FROM unnest(%(streams)s::int8[]) AS u(stream_id) ORDER BY stream_id
    ON CONFLICT DO NOTHING RETURNING id
"""
TAKE_BACK = """
    DELETE FROM delivery_suppression
     WHERE id = ANY(%(ids)s) AND tenant_id = %(tenant)s AND address = %(address)s AND reason = 'unsubscribe' RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Link:
    """What a token stands for. `stream_id` is None when the stream is no more."""

    delivery_id: UUID
    tenant_id: int
    address: str
    tenant: str
    stream_id: int | None
    stream: str

    @property
    def masked(self) -> str:
        """Enough to recognise one's own address: whoever has the link may not be its recipient."""
        local, _, domain = self.address.rpartition("@")
        return f"{local[:1]}{'•' * min(max(len(local) - 1, 2), 6)}@{domain}"


@dataclass(frozen=True, slots=True)
class Done:
    """The suppressions that are new, and how many deliveries will not be sent any more."""

    added: tuple[int, ...]
    stopped: int


def find(cursor: Cursor, token: str) -> Link | None:
    """None alike for a token that nobody made and for a delivery that history has forgotten."""
    delivery = read_token(token, settings.SECRET_KEY.encode())
    if delivery is None:
        return None
    row = cursor.execute(FIND, {"delivery": delivery, "message": message_of(delivery)}).fetchone()
    return Link(delivery, row[0], row[1], row[2], row[3], row[4] or "") if row else None


def unsubscribe(cursor: Cursor, link: Link, everything: bool, how: str, at: datetime | None = None) -> Done:
    """From the stream, or from all of the tenant's marketing streams; `how` is for the event: one-click, page or mail."""
    at = at or now()
    streams = _streams(cursor, link, everything or link.stream_id is None)
    detail = f"Unsubscribed ({how}) by the link of delivery {link.delivery_id}."
    wanted = {"tenant": link.tenant_id, "streams": streams, "address": link.address.lower(), "detail": detail, "at": at}
    added = tuple(row[0] for row in cursor.execute(ADD, wanted).fetchall())
    stopped = end_waiting(cursor, link.tenant_id, link.address, streams, Suppression.Reason.UNSUBSCRIBE, at)
    if added:
        data = {"how": how, "stream": link.stream, "everything": everything, "stopped": len(stopped)}
        tell(cursor, [Happened(link.delivery_id, link.tenant_id, Kind.UNSUBSCRIBED, data)], at)
    return Done(added, len(stopped))


def unsubscribe_by_mail(cursor: Cursor, token: str, at: datetime | None = None) -> bool:
    """For the inbound listener: a mail came to `u-TOKEN@RETURN_PATH_DOMAIN` (RFC 2369 §3.2). False: no such token, nothing done."""
    link = find(cursor, token)
    if link is None:
        return False
    unsubscribe(cursor, link, everything=False, how="mail", at=at)
    return True


def take_back(cursor: Cursor, link: Link, added: Sequence[int]) -> int:
    """Undo one act: the suppressions that it added and that are still there. What was taken out of the queue stays out."""
    return cursor.execute(TAKE_BACK, {"ids": list(added), "tenant": link.tenant_id, "address": link.address.lower()}).rowcount


def _streams(cursor: Cursor, link: Link, everything: bool) -> list[int]:
    if not everything and link.stream_id is not None:
        return [link.stream_id]
    return [row[0] for row in cursor.execute(MARKETING, [link.tenant_id, Purpose.MARKETING.value, link.stream_id]).fetchall()]
