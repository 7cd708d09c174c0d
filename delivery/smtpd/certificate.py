"""Certificate: what our SMTP listeners handshake with.

A PEM file and its key by setting; without one a certificate of our own is made in the data folder (mode 0600): enough for the sandbox and for
opportunistic TLS from mail servers, not for strangers' mail programs. Promises: a renewed file is used for the next handshakes within RELOAD_S, a
broken one leaves the former in use.
"""

import datetime
import os
import ssl
import time
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

log = structlog.get_logger(__name__)

RELOAD_S = 60.0
_YEARS = datetime.timedelta(days=3650)


@dataclass(slots=True)
class Tls:
    """A server's context, and the files that it is made of."""

    certificate: Path
    key: Path
    context: ssl.SSLContext
    read_at: float
    stamp: tuple[int, int]

    def look_again(self) -> None:
        """Read the files anew when they have changed."""
        if time.monotonic() - self.read_at < RELOAD_S:
            return
        self.read_at = time.monotonic()
        try:
            stamp = _stamp(self.certificate, self.key)
            if stamp != self.stamp:
                self.context.load_cert_chain(self.certificate, self.key)
                self.stamp = stamp
        except (OSError, ssl.SSLError) as error:
            log.error("the SMTP certificate cannot be read; the former goes on", file=str(self.certificate), error=str(error))


def tls_of(certificate: str, key: str, data: Path, names: tuple[str, ...]) -> Tls:
    """From these files; from a certificate of our own for these names where there are none."""
    chain = Path(certificate) if certificate else own_certificate(data, names)
    private = Path(key) if key else chain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, private)
    context.options |= ssl.OP_NO_RENEGOTIATION
    return Tls(chain, private, context, time.monotonic(), _stamp(chain, private))


def _stamp(certificate: Path, key: Path) -> tuple[int, int]:
    return certificate.stat().st_mtime_ns, key.stat().st_mtime_ns


def own_certificate(data: Path, names: tuple[str, ...]) -> Path:
    """The file with key and certificate, made once for these names; another process may make it at the same time."""
    file = data / f"smtp-{names[0]}.pem"
    if file.exists() and _names_in(file) >= set(names):
        return file
    key = ec.generate_private_key(ec.SECP256R1())
    beside = data / f"{file.name}.{os.getpid()}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        out.write(_certificate(key, names))
    beside.replace(file)
    return file


def _certificate(key: ec.EllipticCurvePrivateKey, names: tuple[str, ...]) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _YEARS)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)  # so that it can be trusted by itself
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names_in(file: Path) -> set[str]:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return {str(each.value) for each in found}
    except (OSError, ValueError, x509.ExtensionNotFound):
        return set()
