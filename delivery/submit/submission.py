"""What a tenant asked for, after parsing: the values that the other stages of submission take. Nothing here does anything."""

from dataclasses import dataclass
from datetime import datetime

MAX_RECIPIENTS = 1_000
MAX_BATCH = 1_000
MAX_BATCH_RECIPIENTS = 10_000


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox; `domain` is in lower case and A-labels, `local` as given (RFC 5321 §2.4: only the recipient's host interprets it)."""

    local: str
    domain: str
    name: str = ""

    @property
    def addr(self) -> str:
        return f"{self.local}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file; with a `content_id` it is shown in the HTML (cid:…) instead of listed."""

    filename: str
    content_type: str
    content: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A MIME message that the tenant composed: header fields as they came (unfolded nowhere, Bcc left out) and the body."""

    fields: tuple[tuple[str, bytes], ...]
    body: bytes

    def has(self, name: str) -> bool:
        return any(field.lower() == name for field, _ in self.fields)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One delivery to be."""

    address: Address
    role: str


@dataclass(frozen=True, slots=True)
class Submission:
    """One message, understood. `raw` stands in place of everything that composing needs."""

    sender: Address
    recipients: tuple[Recipient, ...]
    subject: str = ""
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    text: str | None = None
    html: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()
    raw: RawMessage | None = None
    stream: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, object] | None = None
    send_at: datetime | None = None
    received: str = ""  # who took it from the tenant and how, where the way is to be seen: "by HOST with ESMTPSA"
