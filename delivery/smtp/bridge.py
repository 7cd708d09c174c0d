"""What aiosmtplib takes for its protocol, and is our channel.

Promises: every command of aiosmtplib goes through the channel, one at a time, and gets its own reply; `last` keeps that reply
whole (aiosmtplib's exceptions carry only its text). Never: buffers, parses, or survives the channel's end.
"""

import asyncio
import ssl

from aiosmtplib.errors import SMTPResponseException, SMTPServerDisconnected
from aiosmtplib.protocol import SMTPProtocol
from aiosmtplib.response import SMTPResponse

from delivery.smtp.channel import Channel
from delivery.smtp.wire import Reply

READY = 220


class Bridge(SMTPProtocol):
    """Only what `aiosmtplib.SMTP` calls on its protocol while it says hello, secures and authenticates."""

    def __init__(self, channel: Channel) -> None:  # not super(): nothing of its buffers and waiters is used
        self._channel = channel
        self.transport: asyncio.BaseTransport | None = channel.transport
        self.last: Reply | None = None

    @property
    def is_connected(self) -> bool:
        return not self._channel.ended

    async def execute_command(self, *args: bytes, timeout: float | None = None) -> SMTPResponse:
        if any(byte < 32 or byte == 127 for arg in args for byte in arg):
            raise ValueError("A command holds a control character.")
        reply = await self._ask(b" ".join(args) + b"\r\n", timeout)
        return SMTPResponse(reply.code, "\n".join(reply.lines))

    async def start_tls(self, tls_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> SMTPResponse:
        reply = await self._ask(b"STARTTLS\r\n", timeout)
        if reply.code != READY:
            raise SMTPResponseException(reply.code, reply.text)
        if self._channel.ended:  # plaintext behind the 220: injected before the handshake (CVE-2011-0411)
            raise SMTPServerDisconnected("the peer spoke between its 220 and the handshake")
        await self._channel.start_tls(tls_context, server_hostname or "", timeout or 0.0)
        self.transport = self._channel.transport
        return SMTPResponse(reply.code, reply.text)

    async def _ask(self, command: bytes, timeout_s: float | None) -> Reply:
        channel = self._channel
        self.last = None
        channel.expect(1, (timeout_s or 0.0,))
        channel.write(command)
        replies = await channel.answers()
        if not replies or channel.failure is not None:
            raise SMTPServerDisconnected(channel.detail)
        self.last = replies[0]
        return replies[0]
