"""plain_sink.py HOST:PORT HOST:PORT CERTIFICATE: an SMTP server that throws away what it gets, where there is no smtp-sink.

Listens in the clear on the first, offers STARTTLS on the second, and prints `sess=… quit=… mesg=…` as smtp-sink -c does.
"""

import asyncio
import os
import ssl
import sys
from typing import cast

import uvloop

EHLO = "250-plain-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n{}250 ENHANCEDSTATUSCODES\r\n"
DOT = b"\r\n.\r\n"
counts = {"sess": 0, "quit": 0, "mesg": 0}


def counted(name: str) -> None:
    counts[name] += 1
    os.write(1, (" ".join(f"{key}={value}" for key, value in counts.items()) + "\r").encode())


class Session(asyncio.Protocol):
    def __init__(self, context: ssl.SSLContext | None, secured: bool = False) -> None:
        self._context, self._secured = context, secured
        self._buffer, self._in_data = b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._secured:
            self._transport.write(b"220 plain-sink ESMTP\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        counted("sess")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers = b""
        while True:
            if self._in_data:
                end = self._buffer.find(DOT)
                if end < 0:
                    break
                self._buffer, self._in_data = self._buffer[end + len(DOT) :], False
                counted("mesg")
                answers += b"250 2.0.0 Ok\r\n"
                continue
            line, found, rest = self._buffer.partition(b"\r\n")
            if not found:
                break
            self._buffer = rest
            answers += self._answer(line[:4].upper())
        if answers:
            self._transport.write(answers)

    def _answer(self, verb: bytes) -> bytes:
        if verb in (b"EHLO", b"HELO"):
            return EHLO.format("" if self._context is None or self._secured else "250-STARTTLS\r\n").encode()
        if verb == b"STAR" and self._context is not None:
            self._transport.write(b"220 2.0.0 Go ahead\r\n")
            self._upgrading = asyncio.ensure_future(self._upgrade(self._context))
            return b""
        if verb == b"DATA":
            self._in_data = True
            self._buffer = b"\r\n" + self._buffer  # a body may begin with its dot
            return b"354 Go ahead\r\n"
        if verb == b"QUIT":
            counted("quit")
            self._transport.write(b"221 2.0.0 Bye\r\n")
            self._transport.close()
            return b""
        return b"250 2.0.0 Ok\r\n"

    async def _upgrade(self, context: ssl.SSLContext) -> None:
        session = Session(context, secured=True)
        transport = await asyncio.get_running_loop().start_tls(self._transport, session, context, server_side=True)
        if transport is not None:
            session.connection_made(transport)


async def serve(clear: str, secured: str, certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    for end, offered in ((clear, None), (secured, context)):
        host, _, port = end.rpartition(":")
        await loop.create_server(lambda offered=offered: Session(offered), host, int(port), backlog=1000)  # type: ignore[misc]
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(serve(*sys.argv[1:4]))
