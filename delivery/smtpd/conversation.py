"""Conversation: a session's life, from the connection to good-bye: who it is, its deadlines, how lines come in and replies go out, TLS. aiosmtpd's protocol
with bounds and replies of our own; what the commands do stands in `verbs`.

Promises: whatever comes is answered with an enhanced code (RFC 2034, 3463) or ends the session; a session that is over is counted nowhere. Never:
decides about mail (that is the service), counts beyond this session (that is the gate).
"""

import asyncio
import logging
import re
import ssl
from asyncio import sslproto
from typing import TYPE_CHECKING, Any

import structlog
from aiosmtpd.proxy_protocol import AF, get_proxy
from aiosmtpd.smtp import SMTP, TLSSetupException

from delivery.smtpd import wire
from delivery.smtpd.commands import Bad
from delivery.smtpd.service import Client, Mail

if TYPE_CHECKING:
    from delivery.smtpd.listener import Door, Listener

log = structlog.get_logger(__name__)
logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's: a line for everything that anybody says

MAX_COMMAND = 2_048  # octets; RFC 5321 §4.5.3.1.4 asks for 512, SMTPUTF8 and parameters need more
READ_AHEAD = 16 * 1024  # twice as much stops the transport
PROXY_S, GOODBYE_S = 5.0, 2.0
HANDSHAKE_S = 15
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3} ")
_DEFAULT = {"2": "2.0.0", "4": "4.3.0", "500": "5.5.2", "501": "5.5.4", "502": "5.5.1", "503": "5.5.1", "504": "5.5.4", "5": "5.0.0"}
_UNHURRIED = 3_600.0  # while the service works: its own bounds count


class _NoTimer:
    """aiosmtpd has a timer for each session; here the listener looks at all deadlines once a second."""

    def cancel(self) -> None:
        pass


class Conversation(SMTP):
    def __init__(self, listener: "Listener", door: "Door", loop: asyncio.AbstractEventLoop) -> None:
        limits = listener.gate.limits
        # aiosmtpd's own __init__ looks all methods up by name, for each connection anew (100 µs): what it finds is always the same.
        asyncio.StreamReaderProtocol.__init__(
            self, asyncio.StreamReader(limit=READ_AHEAD, loop=loop), client_connected_cb=self._cb_client_connected, loop=loop
        )
        self.loop, self.hostname = loop, listener.host_name
        self.event_handler, self._handle_hooks = None, {}
        self.session = self.envelope = self.transport = None
        self._handler_coroutine = self._timeout_handle = self._tls_protocol = self._original_transport = None
        self.listener, self.door, self.service, self.limits = listener, door, door.service, limits
        self.client = Client("")
        self.mail: Mail | None = None
        self.deadline = loop.time() + limits.idle_s
        self.ends_at = loop.time() + limits.session_s
        self.is_busy = False  # in the service's hands, or reading a message
        self.leaving = ""  # the reply to say good-bye with, at the next command
        self._out = bytearray()
        self._bad, self._idle, self._entered = 0, 0, False

    # -- its life -----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.listener.joined(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.listener.left(self)
        if self._entered:
            self._entered = False
            self.listener.gate.leave(self.client.address)
        if self.transport is not None:
            super().connection_lost(error)

    def eof_received(self) -> bool:
        """The client says no more; what it said before is answered still, where it listens (TLS cannot be half closed)."""
        self._reader.feed_eof()
        return not self.client.tls

    def _reset_timeout(self, duration: float | None = None) -> None:
        self._timeout_handle = _NoTimer()  # type: ignore[assignment]

    async def _handle_client(self) -> None:
        try:
            if await self._welcomed():
                await self._converse()
        except asyncio.CancelledError:
            raise
        except (EOFError, ConnectionError, TLSSetupException, ssl.SSLError, TimeoutError):
            pass
        except Exception as error:
            log.error("an SMTP session failed", service=type(self.service).__name__, exc_info=error)
            self._say("421 4.3.0 Something is wrong here; come back later")
        finally:
            self._close()

    async def _welcomed(self) -> bool:
        """Everything before the greeting: who it is, whether there is room, TLS where it comes first."""
        peer = self.transport.get_extra_info("peername") if self.transport else None
        self.client.address = str(peer[0]) if peer else ""
        if self.door.is_proxy(self.client.address):
            self.deadline = self.loop.time() + PROXY_S
            if not await self._introduced():
                return False
        if no := self.listener.closing or self.listener.shut or self.listener.gate.enter(self.client.address):
            self._say(no)
            return False
        self._entered = True
        if self.door.implicit_tls:
            await self._secure(bytes(wire.buffer_of(self._reader)))
        if no := await self._decided(self.service.opened(self.client)):
            self._say(no)
            return False
        self._say(f"220 {self.hostname} ESMTP")
        return True

    async def _introduced(self) -> bool:
        """The PROXY header, which a connection from there must begin with; False ends it without a word."""
        proxied = await get_proxy(self._reader)
        if not proxied.valid:
            return False
        if proxied.command != 0 and proxied.family in (AF.INET, AF.INET6) and proxied.src_addr is not None:  # LOCAL: the proxy itself looks
            self.client.address = str(proxied.src_addr)
        return True

    async def _converse(self) -> None:
        login_by = self.loop.time() + self.limits.login_s
        while self.transport is not None:
            if self.leaving and self.mail is None:
                return self._say(self.leaving)
            if self.loop.time() > self.ends_at and self.mail is None:
                return self._say("421 4.4.2 This session has lasted long enough; connect again")
            self.deadline = self.loop.time() + self.limits.idle_s
            if self.service.wants_login and self.client.login is None:
                self.deadline = min(self.deadline, login_by)
            try:
                line = await self._line(MAX_COMMAND)
            except wire.TooLong as too_long:
                self._refuse("500 5.5.2 The line is too long")
                if too_long.lost:
                    return
                continue
            await self._obey(line)
            if self._bad > self.limits.bad_commands:
                return self._say("421 4.7.0 Too many mistakes")
            if self._idle > self.limits.idle_commands:
                return self._say("421 4.7.0 Too many commands without a message")

    async def _obey(self, line: bytes) -> None:
        try:
            name, _, argument = line.decode().strip(" \t").partition(" ")
            if "\n" in line.decode() or "\r" in line.decode() or "\0" in line.decode():
                raise Bad("500 5.5.2 Lines end with CR LF, and hold no CR, LF or NUL alone")
            await self._command(name.upper(), argument.strip())
        except UnicodeDecodeError:
            self._refuse("500 5.5.2 Commands are UTF-8")
        except Bad as bad:
            self._refuse(bad.reply)

    async def _command(self, name: str, argument: str) -> None:
        raise NotImplementedError  # verbs

    def expire(self) -> None:
        """Its time is over; called by the listener. The second time it is cut off."""
        if self.transport is None:
            return
        if self.leaving == "gone":
            return self.transport.abort()  # type: ignore[attr-defined, no-any-return]
        self._say("421 4.4.2 You took too long")
        self.leaving, self.deadline = "gone", self.loop.time() + GOODBYE_S
        self._close()

    def take_leave(self, reply: str) -> None:
        """The service ends: a session that is in a message may finish it, any other is told now."""
        if self.is_busy or self.mail is not None:
            self.leaving = reply
        else:
            self._say(reply)
            self._close()

    def leave_soon(self, reply: str) -> None:
        """To go elsewhere when a message is through, or after a command that begins none; nothing that was begun is broken off. Empty: to stay after all."""
        if not self.listener.closing and self.leaving != "gone":
            self.leaving = reply

    # -- what is said -------------------------------------------------------------------------------------------------

    async def push(self, status: Any) -> None:
        """aiosmtpd's way of saying; what has no enhanced code gets one."""
        text = status if isinstance(status, str) else status.decode()
        if self._is_bare(text):
            code = text[:3]
            text = f"{code} {_DEFAULT.get(code) or _DEFAULT[code[0]]} {text[4:]}"
        self._say(text)
        self._bad += text[0] == "5"

    @staticmethod
    def _is_bare(text: str) -> bool:
        return text[:1] in ("2", "4", "5") and text[3:4] == " " and text[:3] not in ("220", "334") and not _ENHANCED.match(text, 4)

    def _say(self, reply: str) -> None:
        self._out += reply.encode("ascii", "replace") + b"\r\n"

    def _refuse(self, reply: str) -> None:
        self._bad += reply[0] == "5"
        self._say(reply)

    async def _flush(self) -> None:
        if self._out and self.transport is not None:
            self._writer.write(bytes(self._out))
            self._out.clear()
            await self._writer.drain()

    def _close(self) -> None:
        if self.transport is not None:
            if self._out and not self.transport.is_closing():  # uvloop raises where asyncio only logs
                self._writer.write(bytes(self._out))
            self._out.clear()
            self.deadline = self.loop.time() + GOODBYE_S
            self.leaving = "gone"
            self.transport.close()

    async def _line(self, most_bytes: int) -> bytes:
        """The next line; replies that are waiting go out first, together (RFC 2920)."""
        while (line := wire.take_line(self._reader, most_bytes)) is None:
            await self._flush()
            await wire.more(self._reader)
        return line

    async def _decided(self, deciding: Any) -> Any:
        """What the service says; an exception of ours is temporary for the mail, and loud for us."""
        deadline, self.deadline = self.deadline, self.loop.time() + _UNHURRIED
        was_busy, self.is_busy = self.is_busy, True
        try:
            return await deciding
        except Exception as error:
            log.error("an SMTP service failed", service=type(self.service).__name__, exc_info=error)
            return "451 4.3.0 Something is wrong here; come back later"
        finally:
            self.deadline, self.is_busy = deadline, was_busy

    async def _secure(self, sent_already: bytes) -> None:
        """TLS from here on; what we knew is forgotten (RFC 3207 §4.2)."""
        self.deadline = self.loop.time() + HANDSHAKE_S
        waiter: asyncio.Future[None] = self.loop.create_future()
        assert self.listener.tls is not None and self.transport is not None
        tls = sslproto.SSLProtocol(self.loop, self, self.listener.tls.context, waiter, server_side=True, ssl_handshake_timeout=HANDSHAKE_S)
        self._tls_protocol, self._original_transport = tls, self.transport
        self._original_transport.set_protocol(tls)  # type: ignore[attr-defined]
        self.transport = tls._app_transport  # type: ignore[attr-defined]
        tls.connection_made(self._original_transport)
        while sent_already:
            room = tls.get_buffer(len(sent_already))
            taken = min(len(room), len(sent_already))
            room[:taken] = sent_already[:taken]
            sent_already = sent_already[taken:]
            tls.buffer_updated(taken)
        try:
            await waiter
        except Exception as error:
            raise TLSSetupException from error
        cipher: tuple[str, str, int] = self.transport.get_extra_info("cipher") or ("", "", 0)  # type: ignore[assignment]
        self.client = Client(self.client.address, tls=f"{cipher[1]} {cipher[0]}")
        self.mail = None
