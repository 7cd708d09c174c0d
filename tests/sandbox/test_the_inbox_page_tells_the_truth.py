"""The inbox pages: an independent DKIM verdict, and nothing that a message brings is run."""

import base64
import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailplatform.sandbox.aside import Aside

from .correspondent import Client, deliver, get, message


@pytest.fixture(scope="module")
def key() -> tuple[bytes, str]:
    """A private key and its DNS record."""
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    public = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem, "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()


def signed(body: bytes, pem: bytes) -> bytes:
    return bytes(dkim.sign(body, b"s1", b"brightfield.example", pem, canonicalize=(b"relaxed", b"relaxed"))) + body


def page(world: Aside, path: str) -> tuple[str, dict[str, str]]:
    with urllib.request.urlopen(world.url + path, timeout=5) as response:
        return response.read().decode(), {name.lower(): value for name, value in response.headers.items()}


def test_a_signed_message_passes_and_a_tampered_one_fails(world: Aside, zones: Path, key: tuple[bytes, str]) -> None:
    pem, record = key
    zones.write_text(json.dumps({"s1._domainkey.brightfield.example": {"TXT": [record]}}))
    good = signed(message(1), pem)
    client = Client(world, "gmail.com")
    client.deliver("anna@gmail.com", good)
    client.deliver("anna@gmail.com", good.replace(b"A line.", b"A lie."))
    client.deliver("anna@gmail.com", good.replace(b"Subject: Hello", b"Subject: Gift"))
    client.deliver("anna@gmail.com", message(4))
    verdicts = [[v["passed"] for v in get(world, f"/api/message/{n}")["dkim"]] for n in range(1, 5)]
    assert verdicts == [[True], [False], [False], []]
    assert "signed by brightfield.example" in page(world, "/message/1")[0]
    assert "signature that does not hold" in page(world, "/message/2")[0]
    assert "body hash mismatch" in page(world, "/message/2")[0]
    assert "not signed" in page(world, "/message/4")[0]
    zones.write_text("{}")
    assert get(world, "/api/message/1")["dkim"][0]["why"] == "there is no key in the DNS"


def test_an_ed25519_signature_is_judged_too(world: Aside, zones: Path) -> None:
    """RFC 8463, appendix A: its own message, keys and signatures (both pass, and fail when the text changes)."""
    zones.write_text(
        json.dumps(
            {
                "brisbane._domainkey.football.example.com": {"TXT": ["v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]},
                "test._domainkey.football.example.com": {
                    "TXT": [
                        "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/b"
                        "yYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
                    ]
                },
            }
        )
    )
    text = Path(__file__).with_name("rfc8463.eml").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    client = Client(world, "gmail.com")
    client.deliver("anna@gmail.com", text)
    client.deliver("anna@gmail.com", text.replace(b"hungry", b"angry"))
    assert [(v["algorithm"], v["passed"]) for v in get(world, "/api/message/1")["dkim"]] == [("ed25519-sha256", True), ("rsa-sha256", True)]
    assert [v["passed"] for v in get(world, "/api/message/2")["dkim"]] == [False, False]


def test_nothing_in_a_message_is_run(world: Aside) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    body = message(1, Subject=evil, **{"Content-Type": "text/html", "X-Evil": evil})
    deliver(world, "anna@gmail.com", body.replace(b"A line.", evil.encode()))
    for path in ("/", "/message/1", "/?q=" + "%3Cscript%3E"):
        text, headers = page(world, path)
        assert "<script" not in text
        assert "onerror=alert" not in re.sub(r"&lt;.*?&gt;", "", text)
        assert "script-src" not in headers["content-security-policy"]
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert " style=" not in text
    assert '<iframe sandbox title="The message&#x27;s HTML"' in page(world, "/message/1")[0].replace("message's", "message&#x27;s")
    framed, headers = page(world, "/message/1/html")
    assert evil in framed
    assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")


def test_the_list_is_searched_filtered_and_paged(world: Aside) -> None:
    client = Client(world, "gmail.com")
    for n in range(60):
        client.deliver(f"user{n}@gmail.com", message(n))
    deliver(world, "anna@shop.postfix.test", message(100))
    newest, _ = page(world, "/")
    assert "simulated" in newest.lower()
    assert newest.count('<th scope="row">') == 50
    assert "anna@shop.postfix.test" in newest
    (link,) = re.findall(r'href="(/\?before=\d+)"', newest)
    earlier, _ = page(world, link)
    assert earlier.count('<th scope="row">') == 11
    assert page(world, "/?q=user7@gmail.com")[0].count('<th scope="row">') == 1
    assert page(world, "/?q=user1")[0].count('<th scope="row">') == 11
    assert page(world, "/?provider=small")[0].count('<th scope="row">') == 1
    assert "No mail matches" in page(world, "/?q=nobody@nowhere.example")[0]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no headers at all",
        b"Subject: =?utf-8?b?////?=\r\nContent-Type: multipart/mixed; boundary=\r\n\r\n--\r\n",
        b"Content-Type: text/html; charset=no-such\r\nSubject: \xff\xfe\r\n\r\n\xff\xfe<b>x",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=x; s=\r\nDKIM-Signature: nonsense\r\nFrom: a@b.example\r\n\r\nx",
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=x.example; s=s; h=from; bh=AAAA; b=AAAA\r\nFrom: a@b.example\r\n\r\nx",
        b"\0\0\0: \0\r\n\r\n\0",
    ],
)
def test_a_malformed_message_has_a_page_all_the_same(world: Aside, zones: Path, raw: bytes) -> None:
    zones.write_text(json.dumps({"s._domainkey.x.example": {"TXT": ["v=DKIM1; k=ed25519; p=AAAA"]}}))
    assert deliver(world, "anna@gmail.com", raw)[0] == 250
    assert "anna@gmail.com" in page(world, "/message/1")[0]
    assert not any(v["passed"] for v in get(world, "/api/message/1")["dkim"])


def test_what_is_not_there_is_a_404_that_says_so(world: Aside) -> None:
    for path in ("/message/99", "/message/99/raw", "/nothing"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            page(world, path)
        assert refused.value.code == 404
