"""Receivers that never answer, never end, redirect, lie or hang up: each is one failed try in bounded time and space, with words, and others feel nothing."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mailplatform.shell.addresses import AddressPolicy
from mailplatform.shell.outgoing import Answer, Bounds, NoAnswer, Outgoing, context_with
from tests.listening import Listening
from tests.queue.house import House, rows
from tests.webhooks.house import endpoint, happens, states
from tests.webhooks.receiver import Heard, Receiver, authority, certified
from tests.webhooks.sending import sending, until

QUICK = Bounds(connect_s=1.0, total_s=1.5, body_s=0.5, most_bytes=4096)
OK = b"HTTP/1.1 200 OK\r\n"


class Hostile(Listening):
    """Does with a connection what the test says, once it has heard a request."""

    def __init__(self, does: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._does = does

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock.recv(65536)
            self._does(sock)
            sock.close()


async def loopback(host: str) -> tuple[str, ...]:
    return ("127.0.0.1",)


async def ask(url: str, ca_file: str = "", bounds: Bounds = QUICK) -> Answer:
    outgoing = Outgoing(loopback, AddressPolicy("sandbox"), context_with(ca_file))
    try:
        return await outgoing.request("POST", url, {}, b"{}", bounds)
    finally:
        await outgoing.aclose()


def says(words: bytes) -> Callable[[socket.socket], None]:
    return lambda sock: sock.sendall(words)


def endless(sock: socket.socket) -> None:
    sock.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        sock.sendall(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")


def drips(sock: socket.socket) -> None:
    for byte in OK + b"X-" + b"a" * 1000:
        sock.sendall(bytes([byte]))
        time.sleep(0.05)


def endless_head(sock: socket.socket) -> None:
    sock.sendall(OK)
    while True:
        sock.sendall(b"X-More: " + b"y" * 1000 + b"\r\n")


@pytest.mark.parametrize(
    "does, words",
    [
        (lambda sock: time.sleep(3), "no answer within 1.5 s"),
        (drips, "no answer within 1.5 s"),
        (endless_head, "not HTTP"),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "not HTTP"),
        (says(b"\x00\xff" * 5000), "not HTTP"),
        (says(b""), "closed the connection"),
        (says(OK), "closed the connection"),
        (lambda sock: sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"), "closed the connection"),
    ],
    ids=["never answers", "drips", "endless head", "another protocol", "garbage", "closes at once", "closes midway", "resets"],
)
async def test_what_is_no_answer_is_said_in_words_and_in_time(does: Callable[[socket.socket], None], words: str) -> None:
    with Hostile(does) as host:
        began = time.monotonic()
        with pytest.raises(NoAnswer, match=words):
            await ask(f"http://127.0.0.1:{host.port}/")
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "does, body, whole",
    [
        (endless, b"x" * 4096, False),
        (says(OK + b"Content-Length: 1000000000\r\n\r\nbegins"), b"begins", False),
        (says(OK + b"Content-Length: 4\r\n\r\n\x00\xff\x1b["), b"\x00\xff\x1b[", True),
        (lambda sock: (sock.sendall(OK + b"Content-Length: 9\r\n\r\n"), time.sleep(3)), b"", False),
        (says(OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08"), b"\x1f\x8b\x08", True),
    ],
    ids=["endless body", "closes midway", "garbage", "a body that never comes", "compressed"],
)
async def test_a_status_stands_whatever_becomes_of_its_body(does: Callable[[socket.socket], None], body: bytes, whole: bool) -> None:
    with Hostile(does) as host:
        answer = await ask(f"http://127.0.0.1:{host.port}/")
    assert (answer.status, answer.body, answer.whole) == (200, body, whole)


async def test_a_redirect_is_not_followed() -> None:
    with Receiver() as inner, Hostile(says(b"HTTP/1.1 307 Away\r\nLocation: " + inner.url().encode() + b"\r\nContent-Length: 0\r\n\r\n")) as host:
        answer = await ask(f"http://127.0.0.1:{host.port}/")
    assert answer.status == 307 and not inner.heard


async def test_the_environments_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as receiver, Hostile(says(OK + b"\r\n")) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await ask(receiver.url())).status == 204
        assert proxy.connections == 0


async def test_the_certificate_is_the_names_own(tmp_path: Path) -> None:
    ca, file = authority(tmp_path)
    cases: list[tuple[ssl.SSLContext, str, str]] = [
        (certified(tmp_path, ca, "other.example"), file, "certificate is not valid"),
        (certified(tmp_path, ca, "hooks.example", ended=True), file, "expired"),
        (certified(tmp_path, ca, "hooks.example"), "", "certificate is not valid"),
    ]
    for context, trusted, words in cases:
        with Receiver(context) as receiver, pytest.raises(NoAnswer, match=words):
            await ask(receiver.url(host="hooks.example"), trusted)
    with Receiver(certified(tmp_path, ca, "hooks.example")) as receiver:
        assert (await ask(receiver.url(host="hooks.example"), file)).status == 204


@pytest.mark.django_db(transaction=True)
def test_slow_and_broken_endpoints_do_not_delay_others() -> None:
    """Ten endpoints that never answer, with long queues; another tenant's events go through as if they were alone."""
    stuck, quick = House.build(), None
    quick = House.build("lumen", pool=stuck.pool)
    gate = threading.Event()

    def never(_: Heard) -> tuple[int, dict[str, str], bytes]:
        gate.wait(30)
        return 204, {}, b""

    with Receiver(answers=never) as tar, Receiver() as receiver, sending():
        for _ in range(10):
            endpoint(stuck.tenant, tar.url())
        happens(stuck.tenant, messages=50)
        until(lambda: len(tar.heard) >= 20)
        endpoint(quick.tenant, receiver.url())
        began = time.monotonic()
        happens(quick.tenant, messages=100)
        until(lambda: len(receiver.heard) == 100)
        took_s = time.monotonic() - began
        in_flight = len(tar.heard)  # none was answered yet; once they are, others follow
        gate.set()
    assert took_s < 5
    assert in_flight <= 40, "a tenant has no more than its share of what may be in flight"


@pytest.mark.django_db(transaction=True)
def test_what_a_receiver_answered_is_kept_clean_and_short() -> None:
    house = House.build()
    with Receiver(answers=lambda _: (500, {}, b"\x00\x1b[2J<script>\xff" + b"x" * 9000)) as receiver, sending():
        endpoint(house.tenant, receiver.url())
        happens(house.tenant, messages=1)
        until(lambda: rows("SELECT 1 FROM delivery_webhooktry"))
    ((status, ok, problem, answer),) = rows("SELECT status, ok, problem, answer FROM delivery_webhooktry")
    assert (status, ok, problem) == (500, False, "it answered 500")
    assert len(answer) <= 1000 and answer.startswith("[2J<script>") and answer.isprintable()
    assert states() == {"pending": 1}
