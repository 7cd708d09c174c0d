"""Opening a session: dial, greeting, EHLO, STARTTLS, AUTH.

aiosmtplib says EHLO or HELO, reads the extensions, secures and authenticates; it does so over our own channel, so that its
replies are read by the same strict reader as all later ones and nothing can slip in between (docs/smtp.md). Promises: never
falls back to clear text; the address policy is asked with the address that is connected to; on any failure, timeout or
cancellation the socket is closed. Fails with `ConnectFailure`: which phase, how, and the reply that said so.
"""

import asyncio
import ssl
from ipaddress import ip_address

import aiosmtplib

from delivery.smtp.bridge import Bridge
from delivery.smtp.channel import CLOSING, Channel
from delivery.smtp.dial import dial
from delivery.smtp.failure import ConnectFailure
from delivery.smtp.features import features_of
from delivery.smtp.session import Session
from delivery.smtp.target import Source, Target, Timeouts, TlsMode
from delivery.smtp.tls import TlsContexts, proof
from delivery.smtp.wire import Failure, Phase, Reply
from mailplatform.shell.addresses import AddressPolicy

__all__ = ["ConnectFailure", "connect"]

NOT_IMPLEMENTED = (500, 502, 504)


async def connect(target: Target, source: Source, timeouts: Timeouts, tls_contexts: TlsContexts, address_policy: AddressPolicy) -> Session:
    sock = await dial(target, source, timeouts.connect_s, address_policy)
    loop = asyncio.get_running_loop()
    channel = Channel(loop, timeouts.banner_s)
    try:
        await loop.create_connection(lambda: channel, sock=sock)
        return await _Opening(channel, target, source, timeouts, tls_contexts).run()
    except OSError as exc:  # gone between connecting and greeting
        raise ConnectFailure(Phase.BANNER, Failure.CUT, detail=type(exc).__name__) from exc
    finally:
        if not channel.handed_over:
            channel.abort()
            if channel.transport is None:
                sock.close()


class _Opening:
    """The steps from a connected channel to a session, in order; the first refusal wins."""

    def __init__(self, channel: Channel, target: Target, source: Source, timeouts: Timeouts, contexts: TlsContexts) -> None:
        self._channel = channel
        self._target = target
        self._timeouts = timeouts
        self._contexts = contexts
        self._context = contexts.context_for(target.tls) if target.tls is not TlsMode.NONE else None
        self._bridge = Bridge(channel)
        # Neither host nor port for it to resolve or connect: it is handed a living connection.
        self._smtp = aiosmtplib.SMTP(hostname=target.host, local_hostname=source.ehlo_name, start_tls=False, timeout=timeouts.ehlo_s)
        self._smtp.protocol = self._bridge
        self._smtp.transport = channel.transport

    async def run(self) -> Session:
        await self._greeting()
        await self._hello()
        tls = ""
        if self._context is not None:
            tls = await self._secure(self._context)
            await self._hello()
        if self._target.username:
            await self._authenticate()
        if self._channel.ended:
            raise self._failure(Phase.EHLO)
        features = features_of(self._smtp.esmtp_extensions)
        self._channel.handed_over = True
        return Session(self._channel, self._target, features, tls, self._timeouts)

    async def _greeting(self) -> None:
        replies = await self._channel.answers()
        if not replies or self._channel.failure is not None:
            raise self._failure(Phase.BANNER)
        if replies[0].code != 220:
            raise self._refusal(Phase.BANNER, replies[0])

    async def _hello(self) -> None:
        """EHLO; HELO only to a peer that shall not be secured, for without EHLO there is no STARTTLS."""
        try:
            await self._smtp.ehlo(timeout=self._timeouts.ehlo_s)
        except aiosmtplib.SMTPHeloError:
            reply = self._bridge.last
            if self._channel.ended or reply is None or reply.code not in NOT_IMPLEMENTED:
                raise self._failure(Phase.EHLO, reply) from None
            if self._context is not None:
                raise ConnectFailure(Phase.EHLO, Failure.TLS_NOT_OFFERED, reply, "the host does not know EHLO") from None
            await self._old_hello()
        except aiosmtplib.SMTPException:
            raise self._failure(Phase.EHLO) from None

    async def _old_hello(self) -> None:
        try:
            await self._smtp.helo(timeout=self._timeouts.ehlo_s)
        except aiosmtplib.SMTPException:
            raise self._failure(Phase.EHLO, self._bridge.last) from None

    async def _secure(self, context: ssl.SSLContext) -> str:
        if not self._smtp.supports_extension("starttls"):
            raise ConnectFailure(Phase.STARTTLS, Failure.TLS_NOT_OFFERED, detail=f"{self._target.host} offers no STARTTLS")
        try:
            await self._smtp.starttls(server_hostname=self._target.server_name, tls_context=context, timeout=self._timeouts.starttls_s)
        except aiosmtplib.SMTPResponseException:
            reply = self._bridge.last
            if self._channel.ended or reply is None:
                raise self._failure(Phase.STARTTLS, reply) from None
            # 454 and its like: the host offers TLS and cannot do it. Broken TLS, to wait for; no verdict on the mail.
            raise ConnectFailure(Phase.STARTTLS, Failure.TLS_HANDSHAKE, reply) from None
        except ssl.SSLCertVerificationError as exc:
            raise ConnectFailure(Phase.STARTTLS, Failure.TLS_CERTIFICATE, detail=exc.verify_message) from exc
        except ssl.SSLError as exc:
            raise ConnectFailure(Phase.STARTTLS, Failure.TLS_HANDSHAKE, detail=exc.reason or type(exc).__name__) from exc
        except (aiosmtplib.SMTPException, OSError) as exc:
            raise self._handshake_failure(exc) from exc
        except ValueError as exc:  # a name that cannot be sent as SNI
            raise ConnectFailure(Phase.STARTTLS, Failure.TLS_HANDSHAKE, detail="its name cannot be used in TLS") from exc
        agreed = self._channel.transport.get_extra_info("ssl_object") if self._channel.transport and not self._channel.ended else None
        if agreed is None:
            raise self._failure(Phase.STARTTLS)
        how, problem = proof(agreed, self._target, self._contexts)
        if problem:
            raise ConnectFailure(Phase.STARTTLS, Failure.TLS_DANE, detail=problem)
        return how

    def _handshake_failure(self, exc: Exception) -> ConnectFailure:
        if isinstance(exc, TimeoutError):
            return ConnectFailure(Phase.STARTTLS, Failure.TIMEOUT, detail="the TLS handshake took too long")
        if self._channel.ended:
            return self._failure(Phase.STARTTLS)
        return ConnectFailure(Phase.STARTTLS, Failure.CUT, detail="closed during the TLS handshake")

    async def _authenticate(self) -> None:
        if self._context is None and not _is_near(self._target.address):
            raise ConnectFailure(Phase.AUTH, Failure.UNSUPPORTED, detail="credentials are not sent in the clear")
        if not self._smtp.supports_extension("auth") or not self._smtp.supported_auth_methods:
            raise ConnectFailure(Phase.AUTH, Failure.UNSUPPORTED, detail=f"{self._target.host} offers no AUTH method that we know")
        try:
            await self._smtp.login(self._target.username, self._target.password, timeout=self._timeouts.auth_s)
        except (aiosmtplib.SMTPException, ValueError):
            # The exception's text may quote what was sent: only the peer's reply goes on.
            raise self._failure(Phase.AUTH, self._bridge.last) from None

    def _failure(self, phase: Phase, reply: Reply | None = None) -> ConnectFailure:
        """What ended the channel; where it lives, what the reply said."""
        channel = self._channel
        if channel.ended and channel.failure is not None:
            return ConnectFailure(phase, channel.failure, detail=channel.detail)
        said = reply or (channel.replies[0] if channel.replies else None)
        return self._refusal(phase, said) if said is not None else ConnectFailure(phase, Failure.PROTOCOL, detail="no answer to go by")

    def _refusal(self, phase: Phase, reply: Reply) -> ConnectFailure:
        return ConnectFailure(phase, Failure.REFUSED if reply.code >= 400 or reply.code == CLOSING else Failure.PROTOCOL, reply)


def _is_near(address: str) -> bool:
    ip = ip_address(address)
    return ip.is_loopback or ip.is_private
