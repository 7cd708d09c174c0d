"""What SMTP replies are, and the words for where and how a conversation fails.

Owns: `Reply`, `Phase`, `Failure`, `Envelope`, `Transcript`. Pure values: they travel to classifying, recording and the
journal. Promises: no text in here holds NUL, surrogates or control characters (PostgreSQL refuses the first two, terminals
obey the third), however hostile the peer. Never: reads or writes a socket.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

TEXT_LIMIT_CHARS = 2000


class Phase(StrEnum):
    """Where in the conversation something happened. BODY is everything after the 354, the final dot included."""

    CONNECT = "connect"
    BANNER = "banner"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"


class Failure(StrEnum):
    """How a conversation ended without an answer that decides. None of these is the provider's verdict on the mail."""

    TIMEOUT = "timeout"
    CUT = "cut"  # the peer closed or reset the connection
    PROTOCOL = "protocol"  # what came was not SMTP, or came out of turn
    FENCED = "fenced"  # our own lease had run out: the dot was not written
    REFUSED = "refused"  # the peer said no: TCP refused, or a 4xx or 5xx reply that stands beside this
    UNREACHABLE = "unreachable"  # no route, network down, or the source address is not ours
    DNS = "dns"
    TLS_HANDSHAKE = "tls_handshake"
    TLS_CERTIFICATE = "tls_certificate"
    TLS_NOT_OFFERED = "tls_not_offered"
    TLS_MTA_STS = "tls_mta_sts"  # the domain's policy does not name this host
    TLS_DANE = "tls_dane"  # its certificate is none that its TLSA records name, or those cannot be had
    ADDRESS_REFUSED = "address_refused"  # the address policy forbids this target
    UNSUPPORTED = "unsupported"  # the peer lacks what this message needs: 8BITMIME, SMTPUTF8, its size


@dataclass(frozen=True)
class Reply:
    """One reply to one command. `lines` are cleaned and have no code; an enhanced code that every line repeats stays on the first only."""

    code: int
    enhanced: str | None
    lines: tuple[str, ...]

    @cached_property
    def text(self) -> str:
        """Code and lines, joined by one space, as response rules match it; at most 2,000 characters."""
        said = " ".join(line for line in self.lines if line)
        if self.enhanced and not said.startswith(self.enhanced):
            said = f"{self.enhanced} {said}"
        return f"{self.code} {said}".rstrip()[:TEXT_LIMIT_CHARS]

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 300


@dataclass(frozen=True, slots=True)
class Envelope:
    """One recipient's envelope. `size` counts the octets that travel, `eightbit` and `smtputf8` say what the message needs.

    `wire_ready`: its body was looked through when it was composed: CR LF line ends only, the last one there, no line that begins with a dot.
    """

    mail_from: str
    recipient: str
    size: int
    eightbit: bool
    smtputf8: bool
    wire_ready: bool = False


@dataclass(frozen=True, slots=True)
class Transcript:
    """What one message came to on a session. Accepted when `final` is 2xx; unknowable when the dot was written and `final` is None."""

    mail: Reply | None
    rcpt: Reply | None
    data: Reply | None
    final: Reply | None
    phase: Phase
    failure: Failure | None
    dot_written: bool
    timings_ms: dict[str, int] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        return self.final is not None and self.final.positive

    @property
    def unknowable(self) -> bool:
        return self.dot_written and self.final is None

    @property
    def reply(self) -> Reply | None:
        """The answer that decided: the first that refused, else the last one that came."""
        answers = [reply for reply in (self.mail, self.rcpt, self.data, self.final) if reply is not None]
        return next((reply for reply in answers if reply.code >= 400), answers[-1] if answers else None)
