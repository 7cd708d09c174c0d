"""Where a connection goes, where it comes from, how it is secured and how long it may take. Values only."""

from dataclasses import dataclass
from enum import StrEnum

from delivery.tlspolicy.dane import Tlsa


class TlsMode(StrEnum):
    """What TLS has to be, and who asks for it. NONE only where an operator's audited exception says so; nothing ever falls back to it."""

    NONE = "none"
    REQUIRED = "required"  # encrypted, TLS 1.2 or newer; the certificate is not checked (opportunistic MX names prove nothing)
    VERIFIED = "verified"  # encrypted, and the certificate is the host's by a known authority: a route's or a provider's word
    MTA_STS = "mta_sts"  # the same: the domain's policy asks for it (RFC 8461)
    TESTING = "testing"  # as REQUIRED, and the log says what an enforced policy would have refused (RFC 8461 §5)
    DANE = "dane"  # encrypted, and the certificate is one that the host's TLSA records name (RFC 7672)


@dataclass(frozen=True, slots=True)
class Target:
    """One address of one host. `host` is its name (for SNI and certificates), `address` what was resolved and is connected to.

    With DANE `tlsa` are the usable records and `base` the name that they stand under.
    """

    host: str
    address: str
    port: int
    tls: TlsMode
    username: str = ""
    password: str = ""
    tlsa: tuple[Tlsa, ...] = ()
    base: str = ""

    @property
    def server_name(self) -> str:
        """What TLS is told (RFC 7672 §8.1: the TLSA records' name)."""
        return (self.base or self.host).rstrip(".")

    def __repr__(self) -> str:  # a password must not reach a log
        return f"Target({self.host}, {self.address}:{self.port}, {self.tls.value}{', with credentials' if self.username else ''})"


@dataclass(frozen=True, slots=True)
class Source:
    """Our end: the address to bind (None lets the kernel choose), the EHLO name (= its PTR), a SOCKS5 proxy (`host:port`)."""

    address: str | None
    ehlo_name: str
    proxy: str = ""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each phase. RFC 5321 §4.5.3.2 asks for minutes; bounded below it where a silent peer only blocks a slot."""

    connect_s: float = 10.0
    banner_s: float = 60.0  # RFC: 5 min
    ehlo_s: float = 60.0
    starttls_s: float = 60.0
    auth_s: float = 60.0
    mail_s: float = 120.0  # RFC: 5 min
    rcpt_s: float = 120.0  # RFC: 5 min
    data_s: float = 120.0  # RFC: 2 min
    block_s: float = 180.0  # RFC: 3 min for each block of the body
    final_s: float = 600.0  # RFC: 10 min; a shorter wait after the dot makes doubles
    quit_s: float = 2.0
