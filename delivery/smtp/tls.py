"""TLS towards mail hosts: two contexts for ever (a new one costs 39 ms), and the words for what was agreed and proven.

`required` encrypts without asking who is there (an MX name from unsigned DNS proves nothing), and DANE looks at the certificate after the
handshake; `verified` checks the host's name against known authorities, by subjectAltName alone (RFC 8461 §4.2). All: TLS 1.2 at least,
SNI by the caller.
"""

import hashlib
import ssl
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import structlog
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import Store

from delivery.smtp.target import Target, TlsMode
from delivery.tlspolicy import dane

JUDGED_MOST = 10_000
_DER = 2  # _ssl.ENCODING_DER
_WORDS = {TlsMode.VERIFIED: "webpki", TlsMode.MTA_STS: "mta-sts", TlsMode.DANE: "dane"}
log = structlog.get_logger(__name__)


class TlsContexts:
    """One for a process. `extra_ca_file` adds an authority to the system's: the sandbox has its own."""

    def __init__(self, extra_ca_file: str | Path = "") -> None:
        self._extra_ca_file = str(extra_ca_file)
        self._judged: dict[tuple[str, bytes], str | None] = {}

    @cached_property
    def required(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    @cached_property
    def verified(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.hostname_checks_common_name = False
        if self._extra_ca_file:
            context.load_verify_locations(cafile=self._extra_ca_file)
        return context

    def warm_up(self) -> None:
        """What takes tens of ms at its first use, before a loop has to tick."""
        _ = self.required, self.verified, self._authorities

    def context_for(self, mode: TlsMode) -> ssl.SSLContext:
        return self.verified if mode in (TlsMode.VERIFIED, TlsMode.MTA_STS) else self.required

    def web_problem(self, chain: Sequence[bytes], host: str) -> str | None:
        """What `verified` would have refused this chain for; asked once for each certificate."""
        key = (host, hashlib.sha256(chain[0]).digest() if chain else b"")
        if key not in self._judged:
            if len(self._judged) >= JUDGED_MOST:
                self._judged.clear()
            self._judged[key] = self._judge(chain, host)
        return self._judged[key]

    def _judge(self, chain: Sequence[bytes], host: str) -> str | None:
        try:
            certificates = [x509.load_der_x509_certificate(der) for der in chain[: dane.MOST_CHAIN]]
            return dane.web_problem(certificates, self._authorities, (host,), datetime.now(UTC), lenient=True) if certificates else "it shows no certificate"
        except ValueError:
            return "its certificate cannot be read"

    @cached_property
    def _authorities(self) -> Store:
        known = []
        for der in self.verified.get_ca_certs(binary_form=True):
            try:
                with warnings.catch_warnings(action="ignore", category=CryptographyDeprecationWarning):
                    known.append(x509.load_der_x509_certificate(der))
            except ValueError:  # older than the rules that are kept today
                continue
        return Store(known)


def proof(ssl_object: Any, target: Target, contexts: TlsContexts) -> tuple[str, str]:
    """Like `TLSv1.3 TLS_AES_256_GCM_SHA384 unverified`, and why the host is not the one that its TLSA records mean."""
    cipher = ssl_object.cipher()
    how = _WORDS.get(target.tls, "unverified")
    problem = ""
    if target.tls is TlsMode.DANE:
        names = tuple(dict.fromkeys((target.server_name, target.host.rstrip("."))))
        problem = dane.problem_with(peer_chain(ssl_object), target.tlsa, names, datetime.now(UTC)) or ""
    elif target.tls is TlsMode.TESTING:
        refused = contexts.web_problem(peer_chain(ssl_object), target.host.rstrip("."))
        how = "unverified" if refused else "webpki"
        if refused:
            log.warning("mta_sts_would_refuse", host=target.host, why=refused)
    return f"{ssl_object.version()} {cipher[0] if cipher else 'unknown'} {how}", problem


def peer_chain(ssl_object: Any) -> list[bytes]:
    """The certificates that the peer showed, its own first, in DER.

    `get_unverified_chain` is public from Python 3.13 on; from 3.10 on it is there under a private name. Where there is neither, only the
    peer's own is known: DANE-EE works, and DANE-TA only with records that hold the whole authority.
    """
    if hasattr(ssl_object, "get_unverified_chain"):
        return list(ssl_object.get_unverified_chain())
    inner = getattr(ssl_object, "_sslobj", None)
    if inner is not None and hasattr(inner, "get_unverified_chain"):
        return [certificate.public_bytes(_DER) for certificate in inner.get_unverified_chain() or ()]
    own = ssl_object.getpeercert(binary_form=True)
    return [own] if own else []
