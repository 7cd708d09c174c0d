"""Serve: the process that takes tenants' mail over SMTP: its settings, its listener, its end.

On SIGTERM nobody new is let in, who is in a message may finish it, what was handed over is stored and answered; then it ends. While this server is out of
service (`why_out`, asked once a second by whoever started us) its doors turn away who comes, so that clients try the next address. How it fails: when that
cannot be asked, what was known last holds.
"""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import connection, connections

from delivery.smtpd.certificate import tls_of
from delivery.smtpd.gate import Gate
from delivery.smtpd.limits import Limits
from delivery.smtpd.listener import Door, Listener
from delivery.smtpd.service import Service
from delivery.smtpd.submission import Relay, Submission, Trust
from delivery.submit.group import Group

log = structlog.get_logger(__name__)

# A client is told to come back, not kept waiting: for a connection, or for a server that does not acknowledge any more. Statements are prepared,
# which Django leaves off: planning them anew for every group costs PostgreSQL more than running them.
DATABASE_OPTIONS = {"connect_timeout": 5, "tcp_user_timeout": 20_000, "prepare_threshold": 5}
ASK_EVERY_S = 1.0
OUT_OF_SERVICE = "421 4.3.2 This server is out of service; use another one"
SWITCH_S = 0.0005  # threads prepare and store beside the event loop, which should not stand behind one for Python's 5 ms


def limits() -> Limits:
    return Limits(
        message_bytes=settings.MAX_MESSAGE_BYTES,
        sessions=settings.SUBMISSION_SESSIONS,
        sessions_per_address=settings.SUBMISSION_SESSIONS_PER_ADDRESS,
        bodies_bytes=settings.SUBMISSION_MEMORY_BYTES,
    )


def doors(submission: Service, relay: Service) -> list[Door]:
    """Where to listen, by settings."""
    proxies = settings.SUBMISSION_PROXIES
    asked = ((settings.SUBMISSION, False), (settings.SUBMISSION_TLS, True))
    found = [Door(*_place(place), submission, implicit_tls, proxies) for place, implicit_tls in asked if place]
    if settings.SUBMISSION_RELAY:
        host, port = _place(settings.SUBMISSION_RELAY)
        if not ip_address(host).is_private or ip_address(host).is_unspecified:
            raise ImproperlyConfigured(f"SUBMISSION_RELAY listens on a loopback or private address; {host} is none.")
        found.append(Door(host, port, relay))
    if not found:
        raise ImproperlyConfigured("Nobody is to be listened to: set SUBMISSION, SUBMISSION_TLS or SUBMISSION_RELAY.")
    return found


def spoken(name: str) -> str:
    """A name as SMTP says it: an address in brackets (RFC 5321 §4.1.3)."""
    try:
        return f"[IPv6:{name}]" if ip_address(name).version == 6 else f"[{name}]"
    except ValueError:
        return name


def _place(place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    return ("127.0.0.1" if host == "localhost" else host.strip("[]")), int(port)


async def serve(ending: asyncio.Event, why_out: Callable[[], str] = str) -> None:
    """`why_out` says why this server shall take nothing new, by the database; empty: it is in service."""
    sys.setswitchinterval(SWITCH_S)
    for name, value in DATABASE_OPTIONS.items():
        connections.settings["default"]["OPTIONS"].setdefault(name, value)
    name, group = settings.SUBMISSION_NAME, Group()
    submission, relay = Submission(group, spoken(name)), Relay(group, spoken(name), [Trust(*each) for each in settings.SUBMISSION_TRUSTED])
    names = tuple(dict.fromkeys((name, "localhost", "127.0.0.1")))
    tls = tls_of(settings.SUBMISSION_CERTIFICATE, settings.SUBMISSION_CERTIFICATE_KEY, Path(settings.DATA_DIR), names)
    listener = Listener(doors(submission, relay), Gate(limits()), spoken(name), tls)
    asking = ThreadPoolExecutor(1, "in service")  # one thread, one database session
    listener.shut_to(await _turned_away(asking, why_out, ""))
    await listener.start()
    log.info("submission_started", ports=listener.ports)
    heeding = asyncio.create_task(_heed(listener, asking, why_out))
    await ending.wait()
    heeding.cancel()
    await listener.stop()
    asking.submit(lambda: connection.close())  # of that thread
    asking.shutdown()
    await asyncio.to_thread(group.close)
    submission.close()
    relay.close()
    log.info("submission_ended")


async def _heed(listener: Listener, asking: ThreadPoolExecutor, why_out: Callable[[], str]) -> None:
    """Shut the doors and open them again, as it is said."""
    while True:
        await asyncio.sleep(ASK_EVERY_S)
        reply = await _turned_away(asking, why_out, listener.shut)
        if reply != listener.shut:
            log.info("submission_shut" if reply else "submission_open_again")
            listener.shut_to(reply)


async def _turned_away(asking: ThreadPoolExecutor, why_out: Callable[[], str], before: str) -> str:
    """The reply to who comes; as it was before when nobody can say."""

    def ask() -> str:
        try:
            connection.close_if_unusable_or_obsolete()
            return OUT_OF_SERVICE if why_out() else ""
        except DatabaseError:
            connection.close()
        except Exception as error:
            log.error("whether this server is in service could not be asked", exc_info=error)
        return before

    return await asyncio.get_running_loop().run_in_executor(asking, ask)
