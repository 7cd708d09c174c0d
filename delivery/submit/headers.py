"""Header fields of the tenant's own: which may be set, and what may stand in them.

A name is RFC 5322 ftext, a value has no line break: nothing that a tenant writes can begin another field. What the platform
writes itself, or what would claim something in its name, is refused with the reason. Pure.
"""

import re

MAX_FIELDS = 100
MAX_VALUE = 8_000
MAX_WORD = 900  # a line has at most 998 characters (RFC 5322 §2.1.1) and is folded at spaces only
_NAME = re.compile(r"[!-9;-~]{1,76}\Z")

_USE_FIELD = {name: f"Use the field {name.replace('-', '_')}." for name in ("from", "to", "cc", "bcc", "reply-to", "subject")}
REFUSED = {
    **_USE_FIELD,
    "date": "The platform writes the date; to send later, use send_at.",
    "sender": "The platform sends in the name of From alone.",
    "return-path": "Bounces come to the platform, which tells you of them.",
    "received": "Only mail servers that passed a message on write this.",
    "mime-version": "The platform composes the MIME message and writes this itself.",
    "dkim-signature": "The platform signs the message.",
    "authentication-results": "Only the receiving side writes this.",
}
REFUSED_FAMILIES = {
    "content-": "The platform composes the MIME message and writes this itself.",
    "x-mailplatform-": "Names that begin with X-Mailplatform- are the platform's.",
    "arc-": "Only mail servers that passed a message on write this.",
    "resent-": "Only who sends a message again writes this.",
}
# Structured fields hold no encoded words (RFC 2047 §5): beyond ASCII they mean nothing.
STRUCTURED = ("message-id", "in-reply-to", "references", "auto-submitted", "precedence", "feedback-id", "importance", "priority", "x-priority")
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]{1,400}@[!-;=?A-~]{1,253}>\Z")


def problem_of_name(name: str) -> str | None:
    """Why this field may not be set, or None."""
    if not _NAME.match(name):
        return "The name of a header field is 1 to 76 printable ASCII characters without space and colon."
    lower = name.lower()
    if lower in REFUSED:
        return REFUSED[lower]
    return next((why for family, why in REFUSED_FAMILIES.items() if lower.startswith(family)), None)


def problem_of_value(name: str, value: object) -> str | None:
    """Why this may not be a field's value, or None."""
    if not isinstance(value, str):
        return "The value of a header field is a string."
    if has_controls(value):
        return "It holds a line break or another control character."
    if len(value) > MAX_VALUE:
        return f"The value of a header field has at most {MAX_VALUE} characters."
    lower = name.lower()
    if not value.isascii():
        return "Only ASCII may stand in this header field." if lower in STRUCTURED or lower.startswith("list-") else None
    if lower == "message-id" and not _MESSAGE_ID.match(value):
        return "A Message-ID looks like <something@your.domain>."
    if len(value) > MAX_WORD and max(map(len, value.split())) > MAX_WORD:
        return f"It holds more than {MAX_WORD} characters without a space, and lines of mail are at most 998."
    return None


_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


def has_controls(value: str) -> bool:
    """Control characters and whatever else some program takes for a line break; tabs are allowed."""
    return _CONTROLS.search(value) is not None
