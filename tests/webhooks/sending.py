"""A sender in a thread of its own, as the process `webhooks` has it, on this test's database."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from psycopg.conninfo import make_conninfo

from delivery.webhooks.sender import Sender
from mailplatform.shell.addresses import AddressPolicy
from mailplatform.shell.outgoing import Outgoing, context_with

SANDBOX = AddressPolicy("sandbox")
Addresses = Callable[[str], Awaitable[Iterable[str]]]


def database_url() -> str:
    parameters = connection.get_connection_params()
    return make_conninfo(**{name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if parameters.get(name)})


async def nobody(host: str) -> tuple[str, ...]:
    return ()


@contextmanager
def sending(addresses: Addresses = nobody, ca_file: str = "", policy: AddressPolicy = SANDBOX, keep_days: int = 7) -> Iterator[Sender]:
    """Runs until the block ends."""
    running: dict[str, Any] = {}
    ready = threading.Event()

    async def run() -> None:
        running["loop"] = asyncio.get_running_loop()
        running["sender"] = Sender(database_url(), Outgoing(addresses, policy, context_with(ca_file)), keep_days)
        ready.set()
        await running["sender"].run()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield running["sender"]
    finally:
        running["loop"].call_soon_threadsafe(running["sender"].stop)
        thread.join(20)
        assert not thread.is_alive()


def until(true: Callable[[], Any], within_s: float = 15.0) -> Any:
    """What it comes to, as soon as it is anything."""
    deadline = time.monotonic() + within_s
    while not (value := true()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)
    return value
