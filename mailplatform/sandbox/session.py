"""One SMTP connection to a simulated server: bytes in, commands, replies out.

Owns the protocol's state and nothing else: what to answer is the provider's to decide, what was accepted is the world's to
keep. Promises that a message is recorded before its 250 is written, that replies keep the order of commands, and that what
came before a TLS handshake is never read after it (RFC 3207 §4.2). Breaks of the protocol by the client are counted.
"""

import asyncio
import re
import ssl
from typing import TYPE_CHECKING

from .behaviour import Behaviour, behaviour_of
from .names import site_of
from .provider import Ruling

if TYPE_CHECKING:
    from .world import World

_PATH = re.compile(rb"(?:FROM|TO):[ ]*<([^<>\r\n]*)>((?:[ ]+[\x21-\x7e]+)*)[ ]*", re.I)
_SIZE = re.compile(rb"\bSIZE=(\d{1,19})", re.I)
_MOST_LINE = 4096  # commands; RFC 5321 §4.5.3.1.4 says 512 plus what extensions add
_MOST_EXCESS = 1_048_576  # a message this much over the size limit is not read to its end
_IDLE_S = 300.0
_COMMANDS = frozenset(("EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT", "STARTTLS", "VRFY", "HELP"))


class Session(asyncio.Protocol):
    """The server's end of a connection."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.buffer = bytearray()
        self.out: list[bytes] = []
        self.tls = ""
        self.ehlo = ""
        self.extended = False
        self.offers_tls = False
        self.messages = 0
        self.in_data = False
        self.searched = 0
        self.waiting = False  # a slow answer or a handshake is under way: bytes wait
        self.closing = False
        self.counted = False
        self.silent = False
        self.sender: str | None = None
        self.parameters = b""
        self.recipients: list[tuple[str, Behaviour | None]] = []

    # -- the connection -----------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.loop = asyncio.get_running_loop()
        self.ip = str((transport.get_extra_info("peername") or ("?",))[0])
        host, provider = self.world.server_at(str(transport.get_extra_info("sockname")[0]))
        self.host, self.provider = host, provider
        self.name = provider.profile.greeting_host or host
        self.number = self.world.opened(self)
        self.heard_s = self.loop.time()
        self.idle = self.loop.call_later(_IDLE_S, self._idled)
        ruling = provider.connect(self.ip, self.name)
        self.counted = True
        sort = self.provider.outage or provider.broken.get(self.ip) or provider.site.server
        if sort in ("silent", "reset"):
            self.silent = True
            if sort == "reset":
                self._cut()
        elif ruling is not None:
            self._reply(ruling)
        else:
            self.out.append(provider.say("banner", host=self.name, ip=self.ip))
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.idle.cancel()
        self.closing = True
        self._leave()
        self.world.closed(self)

    def eof_received(self) -> bool:
        self._leave()
        return False

    def _leave(self) -> None:
        """Give the slot back; before the last reply is written, so that a client that counts FINs is never wronged."""
        if self.counted:
            self.counted = False
            self.provider.leave(self.ip)

    def _cut(self) -> None:
        self.closing = True
        self._leave()
        self.transport.abort()

    def _idled(self) -> None:
        quiet_s = self.loop.time() - self.heard_s
        if quiet_s < _IDLE_S - 1:
            self.idle = self.loop.call_later(_IDLE_S - quiet_s, self._idled)
        elif not self.closing and not self.silent:
            self.out.append(self.provider.say("timeout", host=self.name))
            self._end()
            self._flush()

    # -- bytes ----------------------------------------------------------------------------------------------------------
    def data_received(self, data: bytes) -> None:
        if self.closing or self.silent:
            return
        self.buffer += data
        self.heard_s = self.loop.time()
        if not self.waiting:
            self._work()

    def _work(self) -> None:
        """Take everything that is complete, then write all answers at once."""
        while not self.waiting and not self.closing:
            if self.in_data:
                if not self._take_message():
                    break
                continue
            end = self.buffer.find(b"\r\n")
            if end < 0:
                if len(self.buffer) > _MOST_LINE:
                    self._say("syntax")
                    self._end()
                break
            line = bytes(self.buffer[:end])
            del self.buffer[: end + 2]
            self._command(line)
        self._flush()

    def _flush(self) -> None:
        if not self.out and not self.closing:
            return
        data = b"".join(self.out)
        self.out.clear()
        latency_s = self.provider.habits.latency_ms / 1000
        if latency_s > 0:
            self.loop.call_later(latency_s, self._write, data, self.closing)
        else:
            self._write(data, self.closing)

    def _write(self, data: bytes, last: bool) -> None:
        if self.transport.is_closing():
            return
        if data:
            self.transport.write(data)
        if last:
            self.transport.close()

    def _say(self, key: str, **words: str) -> None:
        self.out.append(self.provider.say(key, host=self.name, ip=self.ip, ehlo=self.ehlo, **words))

    def _reply(self, ruling: Ruling) -> None:
        self.out.append(ruling.reply)
        if ruling.close:
            self._end()

    def _end(self) -> None:
        self.closing = True
        self._leave()

    def _fault(self, name: str) -> None:
        self.provider.violations[name] += 1

    # -- commands -------------------------------------------------------------------------------------------------------
    def _command(self, line: bytes) -> None:
        word = line[:8].split(b" ", 1)[0].decode("ascii", "replace").upper()
        if self.buffer and word in ("MAIL", "RCPT") and "PIPELINING" not in self._extensions():
            self._fault("pipelined unasked")  # RFC 2920 §3.1
        match word:
            case "MAIL":
                self._mail(line[5:])
            case "RCPT":
                self._rcpt(line[5:])
            case "DATA":
                self._data()
            case "EHLO" | "HELO":
                self._hello(word, line[5:])
            case "STARTTLS":
                self._starttls()
            case "RSET":
                self._forget()
                self._say("reset")
            case "NOOP" | "VRFY" | "HELP":
                self.out.append(b"252 2.0.0 Cannot VRFY user\r\n" if word == "VRFY" else b"250 2.0.0 Ok\r\n")
            case "QUIT":
                self._say("quit")
                self._end()
            case _:
                self._fault("unknown command")
                self._say("unknown_command", word=word)

    def _extensions(self) -> tuple[str, ...]:
        without = self.provider.site.place.get("without", ())
        server = self.provider.site.server
        return tuple(
            e
            for e in self.provider.profile.extensions
            if e not in without and not (e == "STARTTLS" and (self.tls or server == "no_tls"))
        )

    def _hello(self, word: str, name: bytes) -> None:
        self.ehlo = name.decode("utf-8", "replace").strip()[:255]
        self._forget()
        if word == "EHLO" and self.provider.site.server == "helo_only":
            self._say("ehlo_refused")
            return
        greeting = self.provider.profile.replies["greeting"].format_map({"host": self.name, "ip": self.ip, "ehlo": self.ehlo})
        self.extended = word == "EHLO"
        lines = [greeting, *self._extensions()] if self.extended else [self.name]
        filled = [line.replace("{size}", str(self.provider.habits.size_bytes)) for line in lines]
        last = len(filled) - 1
        self.out.append("".join(f"250{' ' if i == last else '-'}{line}\r\n" for i, line in enumerate(filled)).encode())

    def _mail(self, rest: bytes) -> None:
        match = _PATH.fullmatch(rest)
        if not self.ehlo or self.sender is not None:
            self._say("sequence")
        elif match is None or rest[:4].upper() != b"FROM":
            self._say("syntax")
        elif self.provider.habits.tls_required and not self.tls:
            self._reply(self.provider.refuse("tls_required", host=self.name))
        elif (size := _SIZE.search(match[2])) and int(size[1]) > self.provider.habits.size_bytes:
            self._reply(self.provider.refuse("too_large", host=self.name))
        elif (ruling := self.provider.mail(self.ip, self.name, self.messages)) is not None:
            self._reply(ruling)
        else:
            self._check_parameters(match[2].upper())
            self.sender = match[1].decode("utf-8", "replace")
            self.parameters = match[2].upper()
            self._say("mail_ok", sender=self.sender)

    def _check_parameters(self, parameters: bytes) -> None:
        offered = self._extensions() if self.extended else ()
        if b"SMTPUTF8" in parameters and "SMTPUTF8" not in offered:
            self._fault("SMTPUTF8 not offered")
        if b"BODY=" in parameters and "8BITMIME" not in offered:
            self._fault("8BITMIME not offered")

    def _rcpt(self, rest: bytes) -> None:
        match = _PATH.fullmatch(rest)
        if self.sender is None:
            self._say("sequence")
            return
        if match is None or rest[:2].upper() != b"TO" or b"@" not in match[1]:
            self._say("syntax")
            return
        rcpt = match[1].decode("utf-8", "replace")
        behaviour = behaviour_of(rcpt)
        self._reply_rcpt(rcpt, behaviour)

    def _reply_rcpt(self, rcpt: str, behaviour: Behaviour | None) -> None:
        provider = self.provider
        if len(self.recipients) >= provider.habits.recipients_per_message > 0:
            self._fault("recipients_per_message")
            self._reply(provider.refuse("too_many_recipients", host=self.name))
        elif not self._is_ours(rcpt.rpartition("@")[2]):
            self._fault("wrong server for the domain")
            self._reply(provider.refuse("relay_denied", host=self.name, rcpt=rcpt))
        elif (ruling := provider.recipient(self.ip, self.name, self.sender or "", rcpt, behaviour)) is not None:
            self._reply(ruling)
        else:
            self.recipients.append((rcpt, behaviour))
            provider.took_recipient(self.ip)
            self._say("rcpt_ok", rcpt=rcpt)

    def _is_ours(self, domain: str) -> bool:
        if self.provider.site.server == "any_domain":
            return True
        if not domain.isascii():
            try:
                domain = domain.encode("idna").decode()
            except UnicodeError:
                return False
        site = site_of(domain)
        return site is not None and self.world.serves(self.provider, site)

    def _data(self) -> None:
        if not self.recipients:
            self._say("no_recipients" if self.sender is not None else "sequence")
            return
        if self.buffer:
            self._fault("spoke before 354")  # DATA ends a pipelined group (RFC 2920 §3.1)
        self._say("data_ok")
        self.in_data = True
        self.searched = 0

    def _forget(self) -> None:
        self.sender = None
        self.recipients = []

    # -- the message ------------------------------------------------------------------------------------------------------
    def _take_message(self) -> bool:
        """Take the message if its end is here."""
        if self.buffer.startswith(b".\r\n"):
            body, used = b"", 3
        else:
            end = self.buffer.find(b"\r\n.\r\n", max(0, self.searched - 4))
            if end < 0:
                self.searched = len(self.buffer)
                if self.searched > self.provider.habits.size_bytes + _MOST_EXCESS > _MOST_EXCESS:
                    self._reply(self.provider.refuse("too_large", host=self.name))
                    self._end()
                return False
            body, used = bytes(self.buffer[: end + 2]), end + 5
        del self.buffer[:used]
        self.in_data = False
        if body.startswith(b"."):
            body = body[1:]
        if b"\r\n." in body:
            body = body.replace(b"\r\n.", b"\r\n")
        self._dot(body)
        return True

    def _dot(self, body: bytes) -> None:
        self.messages += 1
        rcpt = self.recipients[0][0]
        special = next((b for _, b in self.recipients if b is not None), None)
        if len(body) > self.provider.habits.size_bytes > 0:
            self._answer(self.provider.refuse("too_large", host=self.name))
        elif (ruling := self.provider.content(self.ip, self.name, self.sender or "", rcpt, special)) is not None:
            self._answer(ruling)
        elif special is not None and special.hangs:
            self.waiting = True
        elif special is not None and special.cuts == "lost":
            self.provider.counts["cut"] += 1
            self._cut()
        elif special is not None and special.slow:
            self.waiting = True
            self._flush()
            self.loop.call_later(self.provider.habits.slow_s, self._accept_late, body)
        else:
            self._accept(body)
            if special is not None and special.cuts == "kept":
                self.provider.counts["cut"] += 1
                self._cut()

    def _answer(self, ruling: Ruling) -> None:
        self._forget()
        self._reply(ruling)

    def _accept_late(self, body: bytes) -> None:
        if self.closing:
            return  # the client gave up waiting: nothing was promised, nothing is kept
        self.waiting = False
        self._accept(body)
        self._work()

    def _accept(self, body: bytes) -> None:
        """Record first, then answer."""
        self.world.accept(self, body)
        self.provider.took(self.ip)
        self._forget()
        self._say("accepted")
        habits = self.provider.habits
        if habits.close_at_limit and self.messages >= habits.messages_per_connection > 0:
            self._end()

    # -- TLS ---------------------------------------------------------------------------------------------------------------
    def _starttls(self) -> None:
        if self.tls or "STARTTLS" not in self._extensions():
            self._say("tls_unavailable")
            return
        if self.buffer:
            self._fault("spoke before TLS")
            self.buffer.clear()
        self._say("tls_ready")
        if self.provider.site.server == "bad_tls":
            self.out.append(b"this is not a TLS handshake\r\n")
            self._end()
            return
        self.waiting = True
        self.transport.pause_reading()
        self.loop.call_later(self.provider.habits.latency_ms / 1000, lambda: self.world.spawn(self._handshake()))

    async def _handshake(self) -> None:
        context = self.world.certificates.context(self.host, self.provider.site)
        try:
            secured = await self.loop.start_tls(self.transport, self, context, server_side=True, ssl_handshake_timeout=20)
        except (OSError, ssl.SSLError, asyncio.CancelledError):
            secured = None
        tls = secured.get_extra_info("ssl_object") if secured is not None else None
        # A connection that is cut while it shakes hands may end start_tls as if all were well, and then nobody says
        # connection_lost: without a version there was no handshake.
        if secured is None or tls is None or tls.version() is None or self.closing:
            self.provider.counts["handshakes failed"] += 1
            self._cut()
            self.idle.cancel()
            self.world.closed(self)
            return
        self.transport = secured
        self.tls = f"{tls.version()} {tls.cipher()[0]}"
        self.provider.counts["handshakes"] += 1
        self.ehlo = ""  # RFC 3207 §4.2: the client says EHLO again
        self.waiting = False
        self._forget()
        self._work()
