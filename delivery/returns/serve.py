"""Serve: the process that listens for what comes back: its settings, its listener, its writer, its end.

On SIGTERM nobody new is let in, who is in a message may finish it, and what was taken is stored; then it ends.
"""

import asyncio
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings

from delivery.returns.door import Door
from delivery.returns.tokens import Keys
from delivery.returns.writer import Writer
from delivery.smtpd.certificate import Tls, tls_of
from delivery.smtpd.gate import Gate
from delivery.smtpd.limits import Limits
from delivery.smtpd.listener import Door as ListenAt
from delivery.smtpd.listener import Listener

log = structlog.get_logger(__name__)

ROOM_BYTES = 1024 * 1024  # what a report adds to the message that it returns
# Strangers' servers: each has a few connections at most, a message has one recipient, and nobody keeps a session for long.
BOUNDS = {"sessions": 500, "sessions_per_address": 50, "recipients": 10, "idle_s": 120.0, "session_s": 900.0, "bodies_bytes": 128 * 1024 * 1024}


def keys_from_settings() -> Keys:
    return Keys(settings.SECRET_KEY.encode(), settings.RETURN_PATH_DOMAIN)


def limits() -> Limits:
    return Limits(message_bytes=settings.MAX_MESSAGE_BYTES + ROOM_BYTES, **BOUNDS)  # type: ignore[arg-type]


def tls_from_settings() -> Tls:
    return tls_of(settings.INCOMING_CERTIFICATE, settings.INCOMING_CERTIFICATE_KEY, Path(settings.DATA_DIR), (settings.INCOMING_NAME,))


async def serve(ending: asyncio.Event) -> None:
    writer = Writer(settings.DATABASE_URL, keys_from_settings(), timedelta(days=settings.RETURN_PATH_DAYS), settings.DATABASE_WAIT_S)
    door = Door(keys_from_settings(), settings.FEEDBACK_ADDRESSES, writer)
    host, _, port = settings.INCOMING.rpartition(":")
    listener = Listener([ListenAt(host.strip("[]"), int(port), door)], Gate(limits()), settings.INCOMING_NAME, tls_from_settings())
    await listener.start()
    log.info("incoming_started", ports=listener.ports)
    stopped = asyncio.Event()
    writing = asyncio.create_task(writer.run(stopped))
    over = asyncio.create_task(ending.wait())
    try:
        await asyncio.wait((over, writing), return_when=asyncio.FIRST_COMPLETED)
        await listener.stop()
    finally:
        stopped.set()
        over.cancel()
        await writing
    log.info("incoming_ended", taken=writer.told.taken)
