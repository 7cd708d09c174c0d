"""Submission over SMTP: a tenant's program logs in with an API key, and its messages go the way of the API's.

Promises: 250 only after the commit; nobody sends without a key, and nobody in another's name: the From header's domain is one of the tenant's
verified ones; what the API refuses is refused here for the same reason. MAIL FROM may be anything: bounces come to the platform. A relay is a
door for programs that can neither log in nor speak TLS: addresses that an operator trusted with one tenant's name. Never: reads a message
on the event loop.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from delivery.queue.put import NewMessage
from delivery.smtpd.gate import whose
from delivery.smtpd.listener import is_within
from delivery.smtpd.service import Client, Mail
from delivery.submit.addresses import parse_address
from delivery.submit.commit import NotCertain
from delivery.submit.group import Group
from delivery.submit.idempotency import Clash
from delivery.submit.request import Accepted, Refused, Request, Why
from delivery.submit.transaction import Looping, token_of, understood
from delivery.submit.wrong import Wrong
from mailplatform.shell.clock import now
from mailplatform.shell.database.away import is_away, pauses
from mailplatform.tenants.keys import Key, Scope, note_use, recall, recognise
from mailplatform.tenants.keys import Refused as KeyRefused
from mailplatform.tenants.models import Tenant

LATER = "451 4.3.0 The database is away; come back in a moment"


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may send without a key, and as whom."""

    network: IPv4Network | IPv6Network
    tenant: str


class NoLonger(Exception):
    """The key stopped to open the door."""


class Submission:
    """With a key."""

    wants_login = True

    def __init__(self, group: Group, host_name: str) -> None:
        self._group, self._host_name = group, host_name
        self._doorkeeper = ThreadPoolExecutor(1, "login")

    def close(self) -> None:
        self._doorkeeper.submit(lambda: connection.close())  # of that thread
        self._doorkeeper.shutdown()

    async def opened(self, client: Client) -> str | None:
        return None

    async def login(self, client: Client, user: str, password: str) -> str | None:
        """Any user name; the key is the password."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + settings.DATABASE_WAIT_S
        for pause_s in pauses(0.1, 0.5):
            try:
                found = await loop.run_in_executor(self._doorkeeper, _recognised, password, whose(client.address))
                break
            except DatabaseError as error:
                if loop.time() > until_s or not is_away(error):
                    return "454 4.7.0 The database is away; come back in a moment"
                await asyncio.sleep(pause_s)
        if isinstance(found, KeyRefused):
            return f"535 5.7.8 {'The password is an API key that is not known' if found is KeyRefused.UNKNOWN else found.value}"
        if Scope.SEND not in found.scopes:
            return f"535 5.7.8 This key has no scope {Scope.SEND}"
        client.login = found
        return None

    async def mail(self, client: Client, mail: Mail) -> str | None:
        return None

    async def rcpt(self, client: Client, mail: Mail, address: str) -> str | None:
        try:
            parse_address(address)
        except Wrong as no:
            return said("553 5.1.3", str(no))
        return None

    async def message(self, client: Client, mail: Mail, body: bytes) -> str:
        received = f"by {self._host_name} with {_protocol(client, mail)}"
        try:
            outcome = await self._group.accept(lambda: _request(self._who(client), mail, body, received))
        except NoLonger as no:
            return said("550 5.7.1", str(no))
        except Looping as no:
            return said("554 5.4.6", str(no))
        except Wrong as no:
            return said("550 5.6.0", str(no))
        except NotCertain:
            return "451 4.3.0 The database could not confirm the commit on every copy; the message may be sent again"
        except DatabaseError:
            return LATER
        return _told(outcome)

    def _who(self, client: Client) -> tuple[int, str]:
        """(tenant, by what), looked at again for every message; in a thread."""
        found = recall(client.login, whose(client.address), now())
        if isinstance(found, KeyRefused):
            raise NoLonger(found.value)
        if Scope.SEND not in found.scopes:
            raise NoLonger(f"This key has no scope {Scope.SEND}.")
        return found.tenant_id, found.prefix


class Relay(Submission):
    """Without a key, by address."""

    wants_login = False

    def __init__(self, group: Group, host_name: str, trusted: Sequence[Trust]) -> None:
        super().__init__(group, host_name)
        self._trusted = trusted
        self._ids: dict[str, int] = {}

    async def opened(self, client: Client) -> str | None:
        client.login = next((trust.tenant for trust in self._trusted if is_within(client.address, [trust.network])), None)
        return None if client.login else "554 5.7.1 Your address may not send from here"

    def _who(self, client: Client) -> tuple[int, str]:
        name = client.login
        if name not in self._ids:
            tenant = Tenant.objects.filter(name=name).first()
            if tenant is None:
                raise NoLonger(f"There is no tenant {name}.")
            self._ids[name] = tenant.pk
        return self._ids[name], f"smtp {client.address}"


def _recognised(password: str, address: str) -> Key | KeyRefused:
    connection.close_if_unusable_or_obsolete()
    at = now()
    found = recognise(password, address, at)
    if isinstance(found, Key):
        note_use(found, at)
    return found


def _request(who: tuple[int, str], mail: Mail, body: bytes, received: str) -> Request:
    tenant_id, submitted_by = who
    at = now()
    submission, key = understood(body, mail.recipients, at, received)
    token = token_of(tenant_id, key, submission) if key else None
    return Request(tenant_id, submitted_by, [submission], _nowhere, _answer, token, at)


def _nowhere(number: int) -> str:
    return ""


def _answer(messages: Sequence[NewMessage]) -> dict[str, Any]:
    message = messages[0]
    return {"id": str(message.id), "recipients": len(message.deliveries), "suppressed": sum(each.final is not None for each in message.deliveries)}


def _protocol(client: Client, mail: Mail) -> str:
    """RFC 3848, 6531."""
    return f"{'UTF8SMTP' if mail.smtputf8 else 'ESMTP'}{'S' if client.tls else ''}{'A' if isinstance(client.login, Key) else ''}"


def _told(outcome: Accepted | Refused) -> str:
    if isinstance(outcome, Accepted):
        body = outcome.body
        kept_back = f", {body['suppressed']} of {body['recipients']} suppressed" if body["suppressed"] else ""
        return f"250 2.0.0 {'Already accepted' if outcome.replayed else 'Accepted'} as {body['id']}{kept_back}"
    first = outcome.problems[0] if outcome.problems else None
    match outcome.why:
        case Why.TENANT:
            return said("550 5.7.1", outcome.sentence)
        case Why.OVER_CAP:
            return said("452 4.7.1", outcome.sentence)
        case Why.CLASH if outcome.clash is Clash.IN_USE:
            return said("451 4.3.0", outcome.sentence)
        case _ if first is None:
            return said("550 5.6.0", outcome.sentence)
        case Why.INVALID if first.field == "body":
            return said("552 5.3.4", first.problem)
        case Why.INVALID if first.field == "raw":
            return said("550 5.7.1", first.problem)
    return said("550 5.6.0", first.problem if first else outcome.sentence)


def said(code: str, sentence: str) -> str:
    """One line of a reply that every client can read."""
    return f"{code} {' '.join(sentence.split())}"[:480].rstrip(".")


