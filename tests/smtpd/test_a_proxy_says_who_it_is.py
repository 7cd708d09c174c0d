"""The PROXY protocol, versions 1 and 2, from networks that an operator named and from nobody else, before TLS too."""

import ssl
import struct
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from tests.smtpd.listening import Noting, Raw, serving

V1 = b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 25\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + ip_address("192.0.2.7").packed + ip_address("192.0.2.1").packed + struct.pack("!HH", 5000, 25)
V2_6 = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24" + ip_address("2001:db8::7").packed + ip_address("2001:db8::1").packed + struct.pack("!HH", 5000, 25)
PROXY = (ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize(("header", "address"), [
    (V1, "192.0.2.7"), (V2, "192.0.2.7"), (V2_6, "2001:db8::7"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 5000 25\r\n", "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"), (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "127.0.0.1"),  # the proxy's own health check
])  # fmt: skip
def test_its_client_is_who_it_says(tmp_path: Path, header: bytes, address: str) -> None:
    service = Noting()
    with serving(service, tmp_path, proxies=PROXY) as served, Raw(served.port, greeted=False) as client:
        client.say(header + b"EHLO me\r\n")  # in one piece: what follows the header is not lost
        assert client.reply().startswith("220 ")
        assert client.reply().startswith("250-")
        assert service.clients[0].address == address
        assert served.listener.gate.sessions == {address if address != "2001:db8::7" else "2001:db8::": 1}


NONE = [b"EHLO me\r\n", b"PROXY\r\n", b"PROXY TCP4 x y 1 2\r\n",
        b"PROXY TCP4 " + b"1" * 200 + b"\r\n", V2[:13] + b"\xff" + V2[14:], b"\0" * 40]


@pytest.mark.parametrize("header", NONE)
def test_without_it_nobody_is_heard(tmp_path: Path, header: bytes) -> None:
    with serving(Noting(), tmp_path, proxies=PROXY) as served, Raw(served.port, greeted=False) as client:
        client.say(header)
        assert client.is_over()


def test_from_elsewhere_it_is_no_command(tmp_path: Path) -> None:
    service = Noting()
    with serving(service, tmp_path, proxies=(ip_network("10.0.0.0/8"),)) as served, Raw(served.port) as client:
        assert client.ask(V1.decode().strip()).startswith("500 5.5.1")
        assert service.clients[0].address == "127.0.0.1"


def test_it_comes_before_tls(tmp_path: Path) -> None:
    """In one piece with the client's first TLS record, as proxies send it."""
    service = Noting()
    with serving(service, tmp_path, proxies=PROXY, implicit_tls=True) as served, Raw(served.port, greeted=False) as client:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=str(tmp_path / "smtp-localhost.pem"))
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        client.say(V2 + outgoing.read())
        received = b""
        while not received:
            incoming.write(client.sock.recv(65536))
            try:
                tls.do_handshake()
                client.sock.sendall(outgoing.read())
                received = tls.read(4096)
            except ssl.SSLWantReadError:
                client.sock.sendall(outgoing.read())
        assert received.startswith(b"220 ")
        assert (service.clients[0].address, service.clients[0].tls[:4]) == ("192.0.2.7", "TLSv")
