"""DSN: how a final result is said to machines: action and status as delivery status notifications have them.

Owns: the action (RFC 3464 §2.3.3) and the status (RFC 3463) of a delivery that has ended. The provider's own enhanced code stands, with the class
of what became of the delivery: a bounce is a 5, whatever class its server wrote. Where there is none, the reason says it. Pure, total.
"""

from dataclasses import dataclass

from pools.outcomes import Reason

# RFC 3463 §3.5: X.4.7, delivery time expired; the reply says why until then.
_EXPIRED = "4.4.7"
_OF_REASON = {
    Reason.HARD_INVALID_MAILBOX: "5.1.1",
    Reason.HARD_INVALID_DOMAIN: "5.1.2",
    Reason.HARD_BAD_SYNTAX: "5.1.3",
    Reason.HARD_AMBIGUOUS: "5.1.4",
    Reason.HARD_MAILBOX_MOVED: "5.1.6",
    Reason.HARD_MAILBOX_DISABLED: "5.2.1",
    Reason.HARD_MAILBOX_INACTIVE: "5.2.1",
    Reason.SOFT_MAILBOX_FULL: "5.2.2",
    Reason.CONTENT_TOO_LARGE: "5.3.4",
    Reason.NETWORK_DNS: "5.4.4",
    Reason.NETWORK_LOOP: "5.4.6",
    Reason.PROTOCOL_SMTPUTF8: "5.6.7",
}
_OF_FAMILY = {"hard": "5.1.0", "soft": "5.3.0", "content": "5.6.0", "protocol": "5.5.0", "network": "5.4.0", "connection": "5.4.2"}
_POLICY = ("suppressed", "block", "auth", "policy", "tls", "rate_limited")  # RFC 3463 §3.8: X.7.1, delivery not authorized


@dataclass(frozen=True, slots=True)
class Dsn:
    """`action` is `relayed` (to a server that tells nothing further), or `failed`."""

    action: str
    status: str


def dsn(final: str | None, reason: str, reply: str) -> Dsn | None:
    """None while it lives, and for what a tenant cancelled."""
    said = _enhanced(reply)
    if final == "delivered":
        return Dsn("relayed", said if said.startswith("2.") else "2.0.0")
    if final == "expired":
        return Dsn("failed", _EXPIRED)
    if final in ("bounced", "suppressed"):
        return Dsn("failed", f"5{said[1:]}" if said[:1] in ("4", "5") else _of(reason))
    return None


def _of(reason: str) -> str:
    family = reason.partition(".")[0]
    known = _OF_REASON.get(Reason(reason)) if reason in set(Reason) else None
    return known or ("5.7.1" if family in _POLICY else _OF_FAMILY.get(family, "5.0.0"))


def _enhanced(reply: str) -> str:
    """The enhanced code of a reply as it is kept, behind its code; empty when there is none."""
    words = reply[:40].split(" ")
    parts = words[1].split(".") if len(words) > 1 else []
    return words[1] if len(parts) == 3 and all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts) else ""
