"""Certificates: a real server's, by TLS from the first byte and by STARTTLS; who does not answer changes nothing."""

import socketserver
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from delivery.smtpd.certificate import own_certificate
from monitoring.endpoints.door import Door
from monitoring.metrics.certificates import Certificates
from monitoring.models import Endpoint

AT = datetime.now(UTC)


class _Speaker(socketserver.StreamRequestHandler):
    """SMTP as far as STARTTLS, or TLS at once."""

    def handle(self) -> None:
        server = self.server
        if server.starttls:  # type: ignore[attr-defined]
            self.wfile.write(b"220-hello\r\n220 here\r\n")
            self.rfile.readline()
            self.wfile.write(b"250-here\r\n250 STARTTLS\r\n")
            self.rfile.readline()
            self.wfile.write(b"220 go\r\n")
        try:
            with server.context.wrap_socket(self.request, server_side=True) as secured:  # type: ignore[attr-defined]
                secured.recv(1)
        except OSError:
            pass


@pytest.fixture(params=["implicit", "starttls"])
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Door, datetime]]:
    file = own_certificate(tmp_path, ("mail.example",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Speaker)
    server.daemon_threads = True
    server.starttls, server.context = request.param == "starttls", context  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    text = file.read_bytes()
    ends = x509.load_pem_x509_certificate(text[text.index(b"-----BEGIN CERTIFICATE") :]).not_valid_after_utc
    try:
        yield Door(1, "door", "submission", "127.0.0.1", server.server_address[1], request.param), ends
    finally:
        server.shutdown()
        server.server_close()


def _days(certificates: Certificates) -> dict[str, float]:
    certificates._looked_at = AT  # it has looked: no thread begins
    return certificates.days_left(AT)


def test_the_end_of_a_certificate_is_known_and_outlives_a_silence(door: tuple[Door, datetime]) -> None:
    certificates, (there, ends) = Certificates(), door
    certificates.look([there])
    expected = {"1": pytest.approx((ends - AT) / timedelta(days=1))}
    assert _days(certificates) == expected
    certificates.look([Door(1, "door", "submission", "127.0.0.1", 1, "implicit")])
    assert _days(certificates) == expected


@pytest.mark.django_db
def test_only_doors_with_tls_that_this_machine_reaches_are_asked() -> None:
    from monitoring.metrics.certificates import doors_of_here

    Endpoint.objects.create(name="plain", kind="api", host="127.0.0.1", port=1)
    Endpoint.objects.create(name="off", kind="api", host="127.0.0.1", port=1, tls="implicit", enabled=False)
    Endpoint.objects.create(name="secure", kind="submission", host="127.0.0.1", port=1, tls="starttls")
    assert [door.name for door in doors_of_here()] == ["secure"]
