"""Fetching: from the host it must be, over a certificate that is its own, and never more than is good for us."""

import asyncio
import time
from pathlib import Path

import pytest

from delivery.smtp.tls import TlsContexts
from delivery.tlspolicy.fetch import Fetcher, FetchFailed
from mailplatform.shell.addresses import AddressPolicy
from tests.tlspolicy.certificates import Made, make, server_context
from tests.tlspolicy.https import Answer, PolicyHost, says

ROOT = make("root", ca=True)
GOOD = make("good", ROOT, names=("mta-sts.peer.test",))
BODY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.peer.test\r\nmax_age: 86400\r\n"
SANDBOX = AddressPolicy("sandbox")


async def addresses(host: str) -> tuple[str, ...]:
    assert host == "mta-sts.peer.test"
    return ("127.0.0.1",)


def fetch(folder: Path, answer: Answer, leaf: Made = GOOD, *, permitted: AddressPolicy = SANDBOX, timeout_s: float = 8.0, resolve=addresses) -> tuple[bytes, PolicyHost]:  # fmt: skip  # noqa: E501
    (folder / "ca.pem").write_bytes(ROOT.pem)
    with PolicyHost(server_context(folder, leaf), answer) as host:
        context = TlsContexts(folder / "ca.pem").verified
        fetcher = Fetcher(resolve, permitted, context, host.port, timeout_s)
        return asyncio.run(fetcher.fetch("peer.test")), host


def refused(folder: Path, answer: Answer, leaf: Made = GOOD, **options) -> str:
    with pytest.raises(FetchFailed) as caught:
        fetch(folder, answer, leaf, **options)
    return str(caught.value)


def test_the_well_known_file_of_the_policy_host_is_asked_for(tmp_path: Path) -> None:
    body, host = fetch(tmp_path, says(BODY, f"Content-Length: {len(BODY)}"))
    assert body == BODY
    assert host.asked[0].startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.peer.test\r\n")


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ((), BODY),
        (("Transfer-Encoding: chunked",), b"5\r\n" + BODY[:5] + b"\r\n" + f"{len(BODY) - 5:x};x=y\r\n".encode() + BODY[5:] + b"\r\n0\r\n\r\n"),
        (("Content-Type: Text/Plain; charset=utf-8", f"content-length:{len(BODY)}"), BODY + b"more than was said"),
    ],
    ids=["to the end", "chunks", "length"],
)
def test_http_is_read_in_its_forms(tmp_path: Path, headers: tuple[str, ...], sent: bytes) -> None:
    body, _ = fetch(tmp_path, says(sent, *headers, plain=not any("Content-Type" in field for field in headers)))
    assert body == BODY


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(b"", "Location: https://mta-sts.peer.test/x", status="301 Moved Permanently"), "301"),  # RFC 8461 §3.3: redirects are not followed
        (says(b"", status="404 Not Found"), "404"),
        (says(BODY, "Content-Type: text/html", plain=False), "text/html"),
        (says(BODY, plain=False), "no media type"),
        (says(BODY, "Content-Length: 100000"), "ended before"),
        (says(b"x" * 70_000), "more than 65536"),
        (says(b"x" * 100, "Content-Length: 99999999999"), "ended before"),
        (says(b"x" * 70_000, "Content-Length: 70000"), "more than 65536"),
        (says(b"fffff\r\n" + b"x" * 70_000, "Transfer-Encoding: chunked"), "more than 65536"),
        (says(b"what?\r\n", "Transfer-Encoding: chunked"), "ValueError"),
        (says(BODY, "Content-Length: many"), "no number"),
        (says(BODY, "X: " + "y" * 40_000), "too long a head"),
        (lambda sock, _: sock.sendall(b"220 smtp.peer.test ESMTP\r\n\r\n"), "220 smtp"),
        (lambda sock, _: None, "ended before"),
    ],
)
def test_anything_but_a_small_text_file_is_refused(tmp_path: Path, answer: Answer, words: str) -> None:
    assert words in refused(tmp_path, answer)


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (make("other", ROOT, names=("peer.test",)), "not valid"),
        (make("mta-sts.peer.test", names=("mta-sts.peer.test",)), "not valid"),
        (make("late", ROOT, names=("mta-sts.peer.test",), ended=True), "expired"),
        (make("mta-sts.peer.test", ROOT), "not valid"),  # a common name is no name (RFC 8461 §3.3: a DNS-ID)
    ],
    ids=["another name", "unknown authority", "expired", "common name only"],
)
def test_the_certificate_is_the_policy_hosts(tmp_path: Path, leaf: Made, words: str) -> None:
    assert words in refused(tmp_path, says(BODY), leaf)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
def test_no_name_leads_into_our_own_network(tmp_path: Path, address: str) -> None:
    async def resolve(host: str) -> tuple[str, ...]:
        return (address,)

    connected: list[object] = []
    answer = lambda sock, _: connected.append(sock)  # noqa: E731
    assert "not a public address" in refused(tmp_path, answer, permitted=AddressPolicy("live"), resolve=resolve)
    assert connected == []


def test_who_says_nothing_is_left_in_time(tmp_path: Path) -> None:
    began = time.monotonic()
    assert "in time" in refused(tmp_path, lambda sock, _: time.sleep(1.5), timeout_s=0.4)
    assert time.monotonic() - began < 5


def test_another_address_of_the_host_is_asked(tmp_path: Path) -> None:
    async def resolve(host: str) -> tuple[str, ...]:
        return ("127.0.0.2", "127.0.0.1")  # nobody listens at the first

    body, _ = fetch(tmp_path, says(BODY), resolve=resolve)
    assert body == BODY
