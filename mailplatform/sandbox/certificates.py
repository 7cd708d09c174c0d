"""The sandbox's certificate authority, and a certificate for each mail host.

The authority is made at the first start and kept (ca.pem, ca-key.pem); host certificates are made when first needed and live
only in memory and a folder that is written anew. A client that sends a server name (SNI, RFC 6066 §3) gets that host's.
"""

import datetime
import hashlib
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .names import Site, normal, site_of_host

_MOST_CONTEXTS = 2000


class Certificates:
    """Server contexts by host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca_file = folder / "ca.pem"
        self._key_file = folder / "ca-key.pem"
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._contexts: dict[tuple[str, str], ssl.SSLContext] = {}
        self._load_or_make()

    def context(self, host: str, site: Site) -> ssl.SSLContext:
        """What a server at this host handshakes with."""
        flaw = site.server if site.server in ("wrong_name", "expired", "self_signed") else ""
        # One certificate for all of a provider's MX names; a customer's own name (x.mail.protection.…) has its own.
        big = [h for rows in (site.profile.mx, site.profile.hosted_mx, *site.profile.domain_mx.values()) for _, h in rows if "{" not in h]
        names = tuple(dict.fromkeys(big)) if host in big else (host,)
        key = (names[0], flaw)
        if key not in self._contexts:
            if len(self._contexts) >= _MOST_CONTEXTS:
                self._contexts.pop(next(iter(self._contexts)))
            self._contexts[key] = self._make_context(names, flaw, with_authority=str(site.place.get("dane", "")).startswith("2"))
        return self._contexts[key]

    def policy_context(self) -> ssl.SSLContext:
        """What the web server of MTA-STS policies handshakes with: a certificate for each name that begins so."""
        context = self._make_context(("mta-sts.sandbox.test",), "")
        context.sni_callback = self._by_policy_name
        return context

    def tlsa(self, form: str) -> list[str]:
        """The TLSA record (RFC 6698) of every mail host, in this form."""
        match form:
            case "2 0 1":
                return [f"2 0 1 {self._ca.fingerprint(hashes.SHA256()).hex()}"]
            case "wrong":
                return [f"3 1 1 {'00' * 32}"]
        spki = self._leaf_key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return [f"{form} {hashlib.sha256(spki).hexdigest()}"]

    def _by_policy_name(self, tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name and (host := normal(name)).startswith("mta-sts."):
            if (host, "") not in self._contexts:
                self._contexts[host, ""] = self._make_context((host,), "")
            tls.context = self._contexts[host, ""]

    def _make_context(self, names: tuple[str, ...], flaw: str, with_authority: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        file = self.folder / "certificate.pem"
        leaf = self._leaf(("another-host.test",) if flaw == "wrong_name" else names, flaw)
        file.write_bytes(leaf + self.ca_file.read_bytes() if with_authority else leaf)
        context.load_cert_chain(file)
        context.sni_callback = self._by_server_name if not flaw else None
        file.unlink()
        return context

    def _by_server_name(self, tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name and (site := site_of_host(normal(name))) is not None:
            tls.context = self.context(normal(name), site)

    def _leaf(self, names: tuple[str, ...], flaw: str) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
        issuer, key = (subject, self._leaf_key) if flaw == "self_signed" else (self._ca.subject, self._ca_key)
        start = now - datetime.timedelta(days=400)
        end = now - datetime.timedelta(days=1) if flaw == "expired" else now + datetime.timedelta(days=90)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(self._leaf_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return _pem(self._leaf_key) + certificate.public_bytes(serialization.Encoding.PEM)

    def _load_or_make(self) -> None:
        if not (self.ca_file.exists() and self._key_file.exists()):
            self._make_ca()
        self._ca = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self._key_file} does not hold the sandbox's key; remove it and {self.ca_file}.")
        self._ca_key = key

    def _make_ca(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mailplatform sandbox CA (simulated)")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=500))
            .not_valid_after(now + datetime.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(False, False, False, False, False, True, True, False, False),
                critical=True,
            )
            .sign(key, hashes.SHA256())
        )
        self._key_file.touch(mode=0o600)
        self._key_file.write_bytes(_pem(key))
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
