"""Mail that a provider took, and the door at which what comes back about it arrives: real PostgreSQL, real sockets."""

import asyncio
import contextlib
import smtplib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import uvloop
from django.conf import settings
from django.db import connection

from delivery.returns.door import Door
from delivery.returns.serve import limits
from delivery.returns.tokens import Keys
from delivery.returns.writer import Writer
from delivery.sign.returnpath import return_path
from delivery.smtpd.certificate import tls_of
from delivery.smtpd.gate import Gate
from delivery.smtpd.listener import Door as ListenAt
from delivery.smtpd.listener import Listener
from tests.queue.house import House, engine, knows, rows
from tests.queue.test_what_became_of_a_delivery_is_recorded_once import claimed, keep, settled

KEYS = Keys(settings.SECRET_KEY.encode(), "bounces.platform.example")
FEEDBACK = "fbl@bounces.platform.example"


def delivered(house: House, *recipients: str, provider: str = "google") -> list[UUID]:
    """One message to each, taken by its provider."""
    known = {knows(recipient.rpartition("@")[2], provider) for recipient in recipients}
    messages = [house.message(recipient) for recipient in recipients]
    house.put(*messages)
    with engine(house) as number:
        for each in known:
            keep(number, *[settled(house, claim, number) for claim in claimed(house, each.id, number)])
    return [message.deliveries[0].id for message in messages]


def state(delivery: UUID) -> tuple[str | None, str]:
    """Its final state and why."""
    found = rows("SELECT final, reason FROM delivery_delivery WHERE id = %s", delivery)
    return found[0][0], found[0][1]


def events(delivery: UUID) -> list[str]:
    return [row[0] for row in rows("SELECT kind FROM delivery_event WHERE delivery_id = %s ORDER BY at, id", delivery)]


def suppressed() -> list[tuple[str, str, str]]:
    """Tenant, address, reason."""
    return rows("SELECT t.name, s.address, s.reason FROM delivery_suppression s JOIN tenants_tenant t ON t.id = s.tenant_id ORDER BY 1, 2")


def counted() -> dict[str, int]:
    return dict(rows("SELECT what, sum(count)::int FROM delivery_returnminute GROUP BY what"))


def database_url() -> str:
    """This test's database, for processes and threads of their own."""
    parameters = connection.get_connection_params()
    found = {name: quote(str(parameters[name]), safe="") for name in ("dbname", "user", "host", "port") if parameters.get(name)}
    return f"postgresql:///{found.pop('dbname')}?" + "&".join(f"{name}={value}" for name, value in found.items())


def path_of(delivery: UUID, keys: Keys = KEYS) -> str:
    return return_path(delivery, keys.secret, keys.domain)


def bounce(recipient: str, reply: str = "550 5.1.1 User unknown", action: str = "failed", returned: str = "") -> bytes:
    """A report by the book."""
    status = reply.split(" ")[1]
    return f"""From: MAILER-DAEMON@mx.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system at host mx.example.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {reply}

--b
Content-Type: text/rfc822-headers

{returned}Subject: Hello
--b--
""".replace("\n", "\r\n").encode()


def complaint(recipient: str, returned: str, mail_from: str = "redacted") -> bytes:
    return f"""From: <feedback@provider.example>
Subject: FW: Hello
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Test/1
Version: 1
Original-Mail-From: {mail_from}
Original-Rcpt-To: {recipient}

--b
Content-Type: message/rfc822

{returned}Subject: Hello

--b--
""".replace("\n", "\r\n").encode()


@dataclass
class Served:
    port: int
    writer: Writer
    door: Door

    def send(self, to: str, raw: bytes, sender: str = "") -> tuple[int, str]:
        """One message over SMTP: the code and text of the answer that decided."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
            client.ehlo()
            client.mail(sender)
            code, text = client.rcpt(to)
            if code == 250:
                code, text = client.data(raw)
            return code, text.decode()


@contextlib.contextmanager
def listening(folder: Path, believed_for: timedelta = timedelta(days=30), feedback: str = FEEDBACK) -> Iterator[Served]:
    """The listener with its writer, in a thread of its own, on this test's database."""
    writer = Writer(database_url(), KEYS, believed_for)
    door = Door(KEYS, [feedback], writer)
    listener = Listener([ListenAt("127.0.0.1", 0, door)], Gate(limits()), "mx.bounces.platform.example", tls_of("", "", folder, ("localhost",)))
    ready: Future[asyncio.AbstractEventLoop] = Future()
    ending = asyncio.Event()

    async def serve() -> None:
        await listener.start()
        stopped = asyncio.Event()
        writing = asyncio.create_task(writer.run(stopped))
        ready.set_result(asyncio.get_running_loop())
        try:
            await ending.wait()
            await listener.stop(2.0)
        finally:
            stopped.set()
            await writing

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    loop = ready.result(20)
    try:
        yield Served(listener.ports[0], writer, door)
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join(20)
        assert not thread.is_alive()
