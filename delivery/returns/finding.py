"""Finding: what a returned message says, as it travels from reading to matching. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What sort of message came back."""

    BOUNCE = "bounce"
    DELAYED = "delayed"  # still being tried (RFC 3464 §2.3.3): no bounce
    RELAYED = "relayed"  # delivered, relayed or expanded: good news
    COMPLAINT = "complaint"  # a person pressed the spam button
    REPORT = "report"  # a feedback report that is no complaint: not-spam, auth-failure
    AUTO_REPLY = "auto_reply"
    CHALLENGE = "challenge"  # a machine asks the sender to prove to be a person
    UNKNOWN = "unknown"


class Counted(StrEnum):
    """What a minute counts: what was made of each message. The first five changed something."""

    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCE = "soft_bounce"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    UNSUBSCRIBED = "unsubscribed"  # a mail to an unsubscribe address
    OURS = "ours"  # a bounce for our infrastructure's fault
    DELAYED = "delayed"
    RELAYED = "relayed"
    REPORT = "report"
    UNKNOWN = "unknown"  # named a delivery, said nothing that is understood
    REPLAYED = "replayed"  # the same again
    FORGED = "forged"  # the return path's signature is not ours
    NAMELESS = "nameless"  # named no delivery of ours
    TOO_OLD = "too_old"  # names a delivery that is older than return paths are believed
    NOT_THERE = "not_there"  # the delivery is gone, or had not been sent
    REFUSED = "refused"  # 550 at RCPT: no address of ours


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of one recipient. `text` is the reporter's own words, cleaned, the SMTP reply first where there is one."""

    kind: Kind
    recipient: str = ""
    original: str = ""  # the address that was written to, before forwarding
    status: str = ""  # RFC 3463
    code: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    kind: Kind
    form: str  # which format it was recognised by
    told: tuple[Told, ...] = ()
    reporter: str = ""
    feedback: str = ""  # a report's feedback-type
    envelope_id: str = ""
    mail_from: str = ""  # a report's Original-Mail-From
    returned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # header fields of the message that was returned

    def about(self, recipient: str) -> Told:
        """What it says of this recipient; else the first failure; else the first."""
        wanted = recipient.lower()
        named = [one for one in self.told if wanted in (one.original.lower(), one.recipient.lower())]
        failed = [one for one in self.told if one.kind is Kind.BOUNCE]
        return next(iter([*named, *failed, *self.told]), Told(self.kind))
