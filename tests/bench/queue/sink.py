"""A sink that says when it took what: `python -m tests.bench.queue.sink HOST:PORT MARK` takes all mail in the clear.

Prints `at DELIVERY SECONDS` for each message that holds MARK, at the moment of its 250, and `count N` five times a second. `Sink` starts it and
reads what it said. Wall clock, for the other end of what is measured is another process.
"""

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

from tests.bench.peers.sink import Endpoint, _until_listening, free_port

HOST = "127.0.0.12"
DELIVERY = re.compile(rb"X-Mailplatform-Delivery: ([0-9a-f-]{36})")
CRLF, DOT = b"\r\n", b"\r\n.\r\n"
counts = {"messages": 0}


class Sink:
    """`arrived()` is delivery → when; `count()` all messages."""

    def __init__(self, folder: Path, mark: str) -> None:
        self.endpoint = Endpoint(HOST, free_port(HOST), False)
        self._said = folder / "sink.said"
        with self._said.open("wb") as out:
            command = [sys.executable, "-m", "tests.bench.queue.sink", f"{HOST}:{self.endpoint.port}", mark]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, start_new_session=True)
        _until_listening(self.endpoint)

    def arrived(self) -> dict[str, float]:
        return {word[1]: float(word[2]) for word in self._words() if word[0] == "at" and len(word) == 3}

    def count(self) -> int:
        return max((int(word[1]) for word in self._words() if word[0] == "count" and len(word) == 2), default=0)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _words(self) -> list[list[str]]:
        return [line.split() for line in self._said.read_text().splitlines() if line]


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, mark: bytes) -> None:
        self._mark, self._buffer, self._in_data = mark, b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers = b""
        while True:
            taken, found, rest = self._buffer.partition(DOT if self._in_data else CRLF)
            if not found:
                break
            self._buffer = rest
            answers += self._took(taken) if self._in_data else self._answer(taken[:4].upper())
        if answers:
            self._transport.write(answers)

    def _took(self, message: bytes) -> bytes:
        self._in_data = False
        counts["messages"] += 1
        if self._mark in message and (found := DELIVERY.search(message)):
            os.write(1, b"at %s %.6f\n" % (found[1], time.time()))
        return b"250 2.0.0 Ok\r\n"

    def _answer(self, verb: bytes) -> bytes:
        if verb == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
        if verb == b"DATA":
            self._in_data = True
            return b"354 Go ahead\r\n"
        if verb == b"QUIT":
            self._transport.write(b"221 2.0.0 Bye\r\n")
            self._transport.close()
            return b""
        return b"250 2.0.0 Ok\r\n"


async def _serve(end: str, mark: str) -> None:
    host, _, port = end.rpartition(":")
    await asyncio.get_running_loop().create_server(lambda: Session(mark.encode()), host, int(port), backlog=1000)
    while True:
        os.write(1, b"count %d\n" % counts["messages"])
        await asyncio.sleep(0.2)


if __name__ == "__main__":
    import uvloop

    uvloop.install()
    asyncio.run(_serve(*sys.argv[1:3]))
