"""The button is shown for one click that a holding signature covers, and pressing it posts what RFC 8058 says, to this machine alone."""

import base64
import json
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailplatform.sandbox.aside import Aside
from tests.browsing import browsing, chromium

from .correspondent import Client, message

POST = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


@pytest.fixture
def platform() -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """A server that takes clicks, and what it was asked."""
    asked: list[tuple[str, str, bytes]] = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, self.headers["Content-Type"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Taking)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/u/token", asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def pem(zones: Path) -> bytes:
    private = rsa.generate_private_key(65537, 2048)
    public = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    zones.write_text(json.dumps({"s1._domainkey.brightfield.example": {"TXT": ["v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()]}}))
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


def mail(n: int, pem: bytes, fields: bytes, covered: bool = True) -> bytes:
    names = [b"from", b"subject", *((b"list-unsubscribe", b"list-unsubscribe-post") if covered else ())]
    whole = fields + message(n)
    return bytes(dkim.sign(whole, b"s1", b"brightfield.example", pem, canonicalize=(b"relaxed", b"relaxed"), include_headers=names)) + whole


def page(world: Aside, path: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(world.url + path, data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_pressing_it_posts_one_click(world: Aside, pem: bytes, platform: tuple[str, list[tuple[str, str, bytes]]]) -> None:
    url, asked = platform
    Client(world, "gmail.com").deliver("anna@gmail.com", mail(1, pem, b"List-Unsubscribe: <%b>,\r\n <mailto:x@y.example>\r\n" % url.encode() + POST))
    assert ">Unsubscribe</button>" in page(world, "/message/1")[1] and asked == [], "looking presses nothing"
    assert page(world, "/message/1/unsubscribe", b"", Origin="http://evil.example")[0] == 403 and asked == []
    status, after = page(world, "/message/1/unsubscribe", b"")
    assert status == 200 and "answered 200" in after
    assert asked == [("/u/token", "application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click")]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="this needs Chromium")
def test_a_person_presses_it_in_a_browser(world: Aside, pem: bytes, platform: tuple[str, list[tuple[str, str, bytes]]]) -> None:
    url, asked = platform
    Client(world, "gmail.com").deliver("anna@gmail.com", mail(1, pem, b"List-Unsubscribe: <%b>\r\n" % url.encode() + POST))
    with chromium() as browser, browsing(browser, world.url) as open_:
        page = open_("/message/1")
        page.get_by_role("button", name="Unsubscribe").click()
        page.get_by_text("answered 200").wait_for()
    assert len(asked) == 1


def test_without_a_signature_over_both_fields_there_is_no_button(world: Aside, pem: bytes, platform: tuple[str, list[tuple[str, str, bytes]]]) -> None:
    url, asked = platform
    field = b"List-Unsubscribe: <%b>\r\n" % url.encode()
    client = Client(world, "gmail.com")
    client.deliver("anna@gmail.com", mail(1, pem, field + POST, covered=False))
    client.deliver("anna@gmail.com", mail(2, pem, field + POST).replace(b"One-Click", b"one-click "))
    client.deliver("anna@gmail.com", mail(3, pem, field))
    client.deliver("anna@gmail.com", mail(4, pem, b"List-Unsubscribe: <mailto:x@y.example>\r\n" + POST))
    client.deliver("anna@gmail.com", message(5))
    for n in range(1, 6):
        assert "</button>" not in page(world, f"/message/{n}")[1], n
        assert page(world, f"/message/{n}/unsubscribe", b"")[0] == 404
    assert "covers the fields" in page(world, "/message/1")[1] and "one click" in page(world, "/message/3")[1] and asked == []


def test_nothing_leaves_this_machine(world: Aside, pem: bytes) -> None:
    Client(world, "gmail.com").deliver("anna@gmail.com", mail(1, pem, b"List-Unsubscribe: <https://brightfield.example/u/1>\r\n" + POST))
    assert "not on this machine" in page(world, "/message/1/unsubscribe", b"")[1]
