"""Offer: the fields that let a recipient's mailbox show an unsubscribe button, one set for each delivery.

Owns: List-Unsubscribe (RFC 2369), List-Unsubscribe-Post (RFC 8058 §3.1), Feedback-ID (Gmail's feedback loop: at most three names and a sender's,
none the same as another, the sender's 5 to 15 characters). Promises: a field that the tenant wrote stands and none is written twice; the names
in Feedback-ID are MACs and tell nobody who or what they stand for. Pure but for its settings; a few microseconds a delivery. They stand in the
delivery's own head, which is signed, so every signature covers them (RFC 8058 §4).
"""

import hmac
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.conf import settings

from delivery.unsubscribe.token import token_of
from pools.purposes import Purpose

POST_FIELD = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
_NO_ONE = UUID(int=1)


def is_offered(purpose: int, chosen: bool | None) -> bool:
    """Whether a stream's mail carries links: as was chosen for it, else marketing does."""
    return purpose == Purpose.MARKETING if chosen is None else chosen


def can_be_served() -> bool:
    """RFC 8058 §3.1 wants HTTPS; the sandbox's loopback has none."""
    return settings.PUBLIC_URL.startswith("https://") or settings.MAIL_MODE == "sandbox"


@dataclass(frozen=True, slots=True)
class Offer:
    """What each delivery of one message carries."""

    url: str  # up to the token; empty: the tenant's own field stands
    mail_domain: str
    secret: bytes
    feedback: bytes

    def head(self, delivery_id: UUID) -> bytes:
        if not self.url:
            return self.feedback
        token = token_of(delivery_id, self.secret)
        by_mail = f",\r\n <mailto:u-{token}@{self.mail_domain}?subject=unsubscribe>" if self.mail_domain else ""
        return b"List-Unsubscribe: <%b%b>%b\r\n%b%b" % (self.url.encode(), token.encode(), by_mail.encode(), POST_FIELD, self.feedback)


def offer_of(head: bytes, tenant_id: int, purpose: int, fingerprint: int) -> Offer | None:
    """For a message with this head, in a stream whose mail carries links; None when nothing is to be added."""
    own = b"\r\n" + head.lower()
    linked = can_be_served() and b"\r\nlist-unsubscribe" not in own  # with or without -post: half of ours beside half of theirs helps nobody
    feedback = b"" if b"\r\nfeedback-id" in own else feedback_field(tenant_id, purpose, fingerprint)
    if not linked and not feedback:
        return None
    return Offer(
        f"{settings.PUBLIC_URL.rstrip('/')}/u/" if linked else "",
        settings.RETURN_PATH_DOMAIN if settings.INCOMING else "",  # by mail too, where somebody takes that mail (delivery.returns)
        settings.SECRET_KEY.encode(),
        feedback,
    )


def feedback_field(tenant_id: int, purpose: int, fingerprint: int) -> bytes:
    """campaign:customer:mail type:sender."""
    campaign = _name("campaign", fingerprint) if fingerprint else ""
    return f"Feedback-ID: {campaign}:{customer_name(tenant_id)}:{Purpose(purpose).label}:{sender_name()}\r\n".encode()


@lru_cache(maxsize=10_000)
def customer_name(tenant_id: int) -> str:
    """How Gmail's Postmaster Tools name this tenant."""
    return _name("customer", tenant_id)


def sender_name() -> str:
    return "mp" + _name("sender", settings.RETURN_PATH_DOMAIN)[:10]


def _name(kind: str, of: object) -> str:
    return hmac.digest(settings.SECRET_KEY.encode(), f"feedback:{kind}:{of}".encode(), "sha256")[:6].hex()


def example(tenant_id: int, purpose: int) -> str:
    """What a stream's mail will carry, for people to read: what differs by message and delivery as dots."""
    offer = offer_of(b"", tenant_id, purpose, _NO_ONE.int)
    if offer is None:
        return ""
    return offer.head(_NO_ONE).decode().replace(token_of(_NO_ONE, offer.secret), "…").replace(_name("campaign", _NO_ONE.int), "…")
