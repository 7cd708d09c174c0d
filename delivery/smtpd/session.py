"""Session: what a client may say, and what is done with it: the verbs of SMTP on a conversation.

Promises: nothing that came before TLS is read as if it had come after it (RFC 3207 §4.2); what the service was given and did not answer 250 is
the client's still; a message's bytes are counted at the gate from the first to its answer. Never: decides about mail (that is the service),
logs what was said to AUTH.
"""

import asyncio

import structlog

from delivery.smtpd import commands, wire
from delivery.smtpd.commands import Bad
from delivery.smtpd.conversation import Conversation
from delivery.smtpd.service import Mail

log = structlog.get_logger(__name__)

MAX_AUTH = 12_288  # octets; RFC 4954 §4
_BEFORE_LOGIN = frozenset(("EHLO", "HELO", "NOOP", "RSET", "QUIT", "STARTTLS", "AUTH"))


class Session(Conversation):
    async def _command(self, name: str, argument: str) -> None:
        method = _METHODS.get(name)
        if method is None:
            raise Bad("500 5.5.1 There is no such command")
        self._idle += name not in ("RCPT", "DATA", "QUIT")
        if self.service.wants_login and self.client.login is None and name not in _BEFORE_LOGIN:
            raise Bad("530 5.7.0 Authentication required" if self.client.tls else "530 5.7.0 Must issue a STARTTLS command first")
        await method(self, argument)

    async def smtp_EHLO(self, hostname: str) -> None:
        if not hostname:
            raise Bad("501 5.5.4 Syntax: EHLO name")
        self._greeted(hostname)
        words = [self.hostname, f"SIZE {self.limits.message_bytes}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"]
        if self.listener.tls and not self.client.tls:
            words.append("STARTTLS")
        if self.service.wants_login and self.client.tls:
            words.append("AUTH PLAIN LOGIN")
        for word in words[:-1]:
            self._say(f"250-{word}")
        self._say(f"250 {words[-1]}")

    async def smtp_HELO(self, hostname: str) -> None:
        if not hostname:
            raise Bad("501 5.5.4 Syntax: HELO name")
        self._greeted(hostname)
        self._say(f"250 {self.hostname}")

    def _greeted(self, hostname: str) -> None:
        self.client.helo, self.mail = hostname[:255], None

    async def smtp_RSET(self, arg: str) -> None:
        self.mail = None
        self._say("250 2.0.0 OK")

    async def smtp_QUIT(self, arg: str) -> None:
        self._say("221 2.0.0 Bye")
        raise EOFError

    async def smtp_VRFY(self, arg: str) -> None:
        self._say("252 2.5.0 Send mail, and you will see")  # RFC 5321 §7.3

    async def smtp_HELP(self, arg: str) -> None:
        self._say("214 2.0.0 EHLO STARTTLS AUTH MAIL RCPT DATA RSET NOOP QUIT")

    async def smtp_STARTTLS(self, arg: str) -> None:
        if arg:
            raise Bad("501 5.5.4 Syntax: STARTTLS")
        if self.client.tls or not self.listener.tls:
            raise Bad("503 5.5.1 TLS is there already" if self.client.tls else "454 4.7.0 There is no TLS here")
        if wire.buffer_of(self._reader):
            # What was sent along could have been put there by somebody else (CVE-2011-0411).
            self._say("554 5.5.1 Nothing may follow STARTTLS before TLS")
            raise EOFError
        self._say("220 2.0.0 Begin")
        await self._flush()
        await self._secure(b"")

    async def smtp_AUTH(self, arg: str) -> None:
        if not self.service.wants_login:
            raise Bad("502 5.5.1 There is no AUTH here")
        if not self.client.tls:
            raise Bad("538 5.7.11 AUTH needs TLS: begin it with STARTTLS")
        if self.client.login is not None or self.mail is not None:
            raise Bad("503 5.5.1 Not now")
        if self.listener.gate.is_shut(self.client.address):
            self._say("421 4.7.0 Too many failed logins from your address; come back in ten minutes")
            raise EOFError
        mechanism, _, initial = arg.partition(" ")
        match mechanism.upper():
            case "PLAIN":
                user, password = commands.plain(initial.encode() if initial else await self._answer(""))
            case "LOGIN":
                user = commands.word(initial.encode() if initial else await self._answer("VXNlcm5hbWU6"))  # Username:
                password = commands.word(await self._answer("UGFzc3dvcmQ6"))  # Password:
            case _:
                raise Bad("504 5.5.4 AUTH is PLAIN or LOGIN")
        await self._log_in(user, password)

    async def _answer(self, challenge: str) -> bytes:
        self._say(f"334 {challenge}")
        try:
            return (await self._line(MAX_AUTH)).strip()
        except wire.TooLong:
            self._say("500 5.5.6 The line is too long")  # RFC 4954 §4
            raise EOFError from None

    async def _log_in(self, user: str, password: str) -> None:
        no = await self._decided(self.service.login(self.client, user, password))
        if no is None:
            return self._say("235 2.7.0 Welcome")
        if no[0] == "5":
            await asyncio.sleep(self.listener.gate.failed(self.client.address))
            log.info("an SMTP login failed", address=self.client.address)  # not the user: people paste keys there
        self._refuse(no)

    async def smtp_MAIL(self, arg: str) -> None:
        if not self.client.helo:
            raise Bad("503 5.5.1 Send EHLO first")
        if self.mail is not None:
            raise Bad("503 5.5.1 A transaction has begun already")
        mail = commands.mail_from(arg, self.limits.message_bytes)
        if not self.listener.gate.has_room(mail.size_bytes):
            return self._say("452 4.3.1 No room at the moment; come back soon")
        if no := await self._decided(self.service.mail(self.client, mail)):
            return self._refuse(no)
        self.mail = mail
        self._say("250 2.1.0 OK")

    async def smtp_RCPT(self, arg: str) -> None:
        if self.mail is None:
            raise Bad("503 5.5.1 Send MAIL first")
        address = commands.rcpt_to(arg, self.mail.smtputf8)
        if len(self.mail.recipients) >= self.limits.recipients:
            return self._say("452 4.5.3 Too many recipients; send the others another copy")
        if no := await self._decided(self.service.rcpt(self.client, self.mail, address)):
            return self._refuse(no)
        self.mail.recipients.append(address)
        self._say("250 2.1.5 OK")

    async def smtp_DATA(self, arg: str) -> None:
        if arg:
            raise Bad("501 5.5.4 Syntax: DATA")
        if self.mail is None or not self.mail.recipients:
            raise Bad("554 5.5.1 No valid recipients" if self.mail else "503 5.5.1 Send MAIL first")
        if not self.listener.gate.has_room(max(self.mail.size_bytes, 1)):
            self.mail = None
            return self._say("452 4.3.1 No room at the moment; come back soon")
        mail, self.is_busy = self.mail, True
        self._say("354 Go on")
        held = 0
        try:
            body = wire.new_body(self.limits.message_bytes)
            held = await self._read(body)
            self._say(await self._taken(mail, body))
        finally:
            self.listener.gate.let_go(held)
            self.mail, self.is_busy = None, False

    async def _read(self, body: wire.Body) -> int:
        """All of a message; the bytes that the gate counts for it."""
        self.deadline = self.loop.time() + self.limits.body_s
        reader, buffer, gate, held = self._reader, wire.buffer_of(self._reader), self.listener.gate, 0
        try:
            while not body.complete:
                if not buffer:
                    await self._flush()
                    await wire.more(reader)
                body.take(buffer)
                wire.resume(reader)
                gate.hold(len(body.data) - held)
                held = len(body.data)
                if not body.too_large and not gate.has_room(0):
                    body.refused, body.too_large = "452 4.3.1 No room at the moment; come back soon", True
                if body.seen_bytes > 2 * body.most_bytes + 1_000_000:
                    self._say("421 4.3.4 The message never ends")
                    raise EOFError
        except BaseException:
            gate.let_go(held)
            raise
        return held

    async def _taken(self, mail: Mail, body: wire.Body) -> str:
        if body.too_large:
            return body.refused or f"552 5.3.4 A message has at most {self.limits.message_bytes} bytes"
        self._idle = 0
        content = body.content()
        body.data.clear()
        return str(await self._decided(self.service.message(self.client, mail, content)))


_METHODS = {name.removeprefix("smtp_"): getattr(Session, name) for name in dir(Session) if name.startswith("smtp_")}
