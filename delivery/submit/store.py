"""Store: composed messages become rows, a whole batch in the caller's transaction.

Owns: how a Submission turns into what `delivery.queue.put` takes. Never: commits, wakes engines, decides who may send.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from delivery.models import DeliveryState
from delivery.queue.put import NewBody, NewDelivery, NewMessage
from delivery.retry import POLICIES
from delivery.submit.admit import hold_of, pace_of
from delivery.submit.compose import Composed
from delivery.submit.facts import StreamFacts, Suppressions, TenantFacts
from delivery.submit.fingerprint import fingerprint
from delivery.submit.submission import Submission
from delivery.unsubscribe.offer import Offer, offer_of
from mailplatform.shell.ids import delivery_id
from pools.purposes import Purpose


@dataclass(frozen=True, slots=True)
class Ready:
    """A message that passed every check and waits for its rows."""

    id: UUID
    submission: Submission
    composed: Composed
    stream: StreamFacts


def rows_of(ready: Ready, facts: TenantFacts, suppressed: Suppressions, submitted_by: str, at: datetime) -> NewMessage:
    """What put() stores for one message. Pure."""
    submission, stream, composed = ready.submission, ready.stream, ready.composed
    campaign = _fingerprint(ready, facts)
    offer = offer_of(composed.mime[: composed.head_length], facts.id, stream.purpose, campaign) if stream.unsubscribe_links else None
    return NewMessage(
        id=ready.id,
        tenant_id=facts.id,
        stream_id=stream.id,
        pool_id=stream.pool_id,
        purpose=stream.purpose,
        body=NewBody(ready.id, composed.mime, composed.head_length, composed.body_hash, composed.needs_8bit, composed.needs_smtputf8, composed.wire_ready),
        domain_id=facts.domains[submission.sender.domain],
        sender=_shown(submission),
        subject=submission.subject,
        size_bytes=len(composed.mime),
        deliveries=tuple(
            _delivery(ready, number, suppressed.reason(recipient.address.addr, stream.id), offer) for number, recipient in enumerate(submission.recipients, 1)
        ),
        expires_at=(submission.send_at or at) + timedelta(seconds=POLICIES[Purpose(stream.purpose)].expires_after_s),
        created_at=at,
        tags=submission.tags,
        metadata=submission.metadata,
        fingerprint=campaign,
        submitted_by=submitted_by,
        send_at=submission.send_at,
        hold=hold_of(facts, stream),
        per_minute=pace_of(facts, stream),
    )


def _delivery(ready: Ready, number: int, suppressed: str | None, offer: Offer | None) -> NewDelivery:
    recipient, own_id = ready.submission.recipients[number - 1], delivery_id(ready.id, number)
    address = recipient.address
    if suppressed:
        return NewDelivery(own_id, address.addr, address.domain, recipient.role, DeliveryState.SUPPRESSED.value, f"suppressed.{suppressed}")
    return NewDelivery(own_id, address.addr, address.domain, recipient.role, own_head=offer.head(own_id) if offer else None)


def _shown(submission: Submission) -> str:
    sender = submission.sender
    return f"{sender.name} <{sender.addr}>" if sender.name else sender.addr


def _fingerprint(ready: Ready, facts: TenantFacts) -> int:
    submission = ready.submission
    if submission.raw is None:
        return fingerprint(facts.id, ready.stream.id, submission.subject, submission.text, submission.html)
    return fingerprint(facts.id, ready.stream.id, submission.subject, submission.raw.body[:8192].decode("utf-8", "replace"))


def state_of(message: NewMessage, delivery: NewDelivery) -> str:
    """The state that a delivery has when its message has just been stored."""
    if delivery.final:
        return delivery.final
    if message.hold:
        return DeliveryState.HELD.value
    return DeliveryState.SCHEDULED.value if message.send_at else DeliveryState.QUEUED.value


def recipients_of(messages: Sequence[Ready]) -> list[str]:
    return [recipient.address.addr for ready in messages for recipient in ready.submission.recipients]
