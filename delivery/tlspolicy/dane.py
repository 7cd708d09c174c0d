"""DANE for SMTP (RFC 7672): whether a host's certificate is the one that its TLSA records (RFC 6698) name. Pure.

Usages 2 (DANE-TA: an authority in the chain that the host sends) and 3 (DANE-EE: its own certificate or key); others are unusable
(RFC 7672 §3.1.3), as are unknown selectors and digests of a wrong length. DANE-EE asks for neither name nor date (§3.1.1); DANE-TA
asks for a valid path to the authority, and for the host's name. Never: asks DNS, talks.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

TA, EE = 2, 3
CERTIFICATE, KEY = 0, 1
_DIGESTS = {1: (hashlib.sha256, 32), 2: (hashlib.sha512, 64)}
MOST_RECORDS = 20
MOST_CHAIN = 10


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One record: whose certificate, which part of it, in which form."""

    usage: int
    selector: int
    matching: int
    data: bytes

    @property
    def usable(self) -> bool:
        known = self.usage in (TA, EE) and self.selector in (CERTIFICATE, KEY)
        return known and (len(self.data) == _DIGESTS[self.matching][1] if self.matching in _DIGESTS else self.matching == 0 and bool(self.data))

    def fits(self, certificate: x509.Certificate) -> bool:
        """Whether this certificate, or its key, is the one that is meant."""
        whole = self.selector == CERTIFICATE
        try:
            part = (
                certificate.public_bytes(Encoding.DER)
                if whole
                else certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            )
        except (ValueError, TypeError):  # a kind of key that is not known here
            return False
        return (_DIGESTS[self.matching][0](part).digest() if self.matching in _DIGESTS else part) == self.data


def read_tlsa(text: str) -> Tlsa | None:
    """A record in presentation form: `3 1 1 <hex>`."""
    words = text.split(maxsplit=3)
    try:
        usage, selector, matching = (int(word) for word in words[:3])
        return Tlsa(usage, selector, matching, bytes.fromhex(words[3]))
    except (ValueError, IndexError):
        return None


def usable(texts: Iterable[str]) -> tuple[Tlsa, ...]:
    """The records that can prove something; none of them: encrypt, and ask for no proof (RFC 7672 §2.2)."""
    found = (read_tlsa(text) for text in texts)
    return tuple(record for record in found if record is not None and record.usable)[:MOST_RECORDS]


def problem_with(chain: Sequence[bytes], records: Sequence[Tlsa], names: Sequence[str], now: datetime) -> str | None:
    """Why a host that shows this chain (DER, its own certificate first) is not the one meant; None when it is."""
    try:
        certificates = [x509.load_der_x509_certificate(der) for der in chain[:MOST_CHAIN]]
    except ValueError:
        return "its certificate cannot be read"
    if not certificates:
        return "it shows no certificate"
    if any(record.fits(certificates[0]) for record in records if record.usage == EE):
        return None
    problem = "its certificate is none that its TLSA records name"
    for anchor in _anchors(certificates[1:], [record for record in records if record.usage == TA]):
        untrusted = _path_problem(certificates, anchor, names, now)
        if untrusted is None:
            return None
        problem = f"its certificate does not follow from the authority that its TLSA records name: {untrusted}"
    return problem


def _anchors(sent: Sequence[x509.Certificate], records: Sequence[Tlsa]) -> list[x509.Certificate]:
    """Authorities that are named: among those the host sent, or whole in the record itself (RFC 7671 §5.2.1)."""
    found = [one for one in sent if any(record.fits(one) for record in records)]
    for record in records:
        if record.selector == CERTIFICATE and record.matching == 0:
            try:
                found.append(x509.load_der_x509_certificate(record.data))
            except ValueError:
                continue
    return found


def _path_problem(certificates: Sequence[x509.Certificate], anchor: x509.Certificate, names: Sequence[str], now: datetime) -> str | None:
    """A path of valid certificates to the anchor, and one of the names. Authorities of one's own need not follow the web's profile."""
    try:
        return web_problem(certificates, Store([anchor]), names, now, lenient=True)
    except ValueError as error:
        return str(error)


def web_problem(certificates: Sequence[x509.Certificate], store: Store, names: Sequence[str], now: datetime, lenient: bool = False) -> str | None:
    """Why no path from the first certificate to an anchor of the store holds for any of these names; None when one does."""
    builder = PolicyBuilder().store(store).time(now)
    if lenient:
        ee = ExtensionPolicy.permit_all().require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
        ca = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
        builder = builder.extension_policies(ca_policy=ca, ee_policy=ee)
    problem = "it has no name to be checked"
    for name in names:
        try:
            builder.build_server_verifier(x509.DNSName(name)).verify(certificates[0], list(certificates[1:]))
            return None
        except (VerificationError, ValueError) as error:
            problem = str(error).partition(" (encountered")[0].splitlines()[0][:200]
    return problem
