"""The sandbox's DNS takes the same updates as a real server, by the platform's own push; and its front doors open and shut."""

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailplatform.sandbox.dns import Directory, DnsServer
from mailplatform.sandbox.updates import Updates
from mailplatform.sandbox.zones import BlockLists, Zones
from monitoring.dns.authority import Server, ask
from monitoring.dns.destination import Destination, Outcome, Wanted
from monitoring.dns.push import push

SECRET = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
NAME = "api.own.example"


class Simulated:
    """Its server in an event loop of its own thread."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "updates.json"
        self.file.write_text(json.dumps({"zone": "own.example", "key": "mailplatform", "secret": SECRET}))

    async def serve(self, ready: "asyncio.Future[int]", ended: asyncio.Event) -> None:
        directory = Directory(Zones(None), BlockLists(), lambda name, site: "127.0.0.1", updates=Updates(self.file))
        server = DnsServer(directory, "127.0.0.1", 0)
        await server.start()
        ready.set_result(server.port)
        await ended.wait()
        await server.stop()


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    import threading

    loop = asyncio.new_event_loop()
    ready: asyncio.Future[int] = asyncio.Future(loop=loop)
    ended = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(Simulated(tmp_path).serve(ready, ended)))
    known = threading.Event()
    ready.add_done_callback(lambda _: known.set())
    thread.start()
    assert known.wait(20)
    yield ready.result()
    loop.call_soon_threadsafe(ended.set)
    thread.join(20)


def _pushed(port: int, before: tuple[str, ...] | None, after: tuple[str, ...], secret: str = SECRET, ttl_s: int = 10) -> Outcome:
    to = Destination("own.example", "rfc2136", "127.0.0.1", port, "mailplatform", "hmac-sha256", "", 10.0, secret)
    return push(to, Wanted(NAME, "A", ttl_s, before, after)).outcome


def test_prerequisites_and_keys_are_kept_to(port: int) -> None:
    server = Server("127.0.0.1", port)
    assert _pushed(port, ("127.0.0.9",), ("127.0.0.1",)) is Outcome.IN_THE_WAY
    assert _pushed(port, (), ("127.0.0.1",)) is Outcome.TAKEN
    assert _pushed(port, (), ("127.0.0.2",)) is Outcome.IN_THE_WAY, "it is there already"
    assert _pushed(port, ("127.0.0.1",), ("127.0.0.2", "127.0.0.3"), ttl_s=20) is Outcome.TAKEN
    answer = ask(server, NAME, "A", 10)
    assert (answer.values, answer.ttl_s, answer.error) == (("127.0.0.2", "127.0.0.3"), 20, "")
    assert _pushed(port, None, ("127.0.0.4",), secret=base64.b64encode(b"x" * 32).decode()) is not Outcome.TAKEN
    assert ask(server, NAME, "A", 10).values == ("127.0.0.2", "127.0.0.3")
