"""Authorities and host certificates for tests, and servers that show them."""

import datetime
import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True)
class Made:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def tlsa(self, usage: int, selector: int, matching: int) -> str:
        """A TLSA record that names it, in presentation form."""
        part = self.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) if selector else self.der
        data = {0: part, 1: hashlib.sha256(part).digest(), 2: hashlib.sha512(part).digest()}[matching]
        return f"{usage} {selector} {matching} {data.hex()}"


def make(name: str, issuer: Made | None = None, *, ca: bool = False, names: tuple[str, ...] = (), ended: bool = False) -> Made:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    end = NOW - datetime.timedelta(days=1) if ended else NOW + datetime.timedelta(days=30)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=60))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
    return Made(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def server_context(folder: Path, leaf: Made, *sent: Made) -> ssl.SSLContext:
    """A server that shows this certificate and these behind it."""
    file = folder / f"{leaf.certificate.serial_number}.pem"
    private = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + leaf.pem + b"".join(one.pem for one in sent))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
