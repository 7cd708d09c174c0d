"""A real SMTP server with STARTTLS, and a house of channels and incidents."""

import socket
import ssl
from datetime import datetime
from email import message_from_bytes
from email.message import Message as Letter
from typing import Any

from aiosmtpd.controller import Controller

from mailplatform.shell.clock import now
from mailplatform.shell.models import Severity
from monitoring.alerts.models import Incident
from monitoring.telling.models import Channel, MailRoute, TellStep


class MailHost:
    """`with MailHost(context) as host:`; `letters` in order."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.letters: list[Letter] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=0, tls_context=context, require_starttls=context is not None)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.letters.append(message_from_bytes(envelope.content))
        return "250 OK"

    @property
    def port(self) -> int:
        return int(self._controller.server.sockets[0].getsockname()[1])

    def __enter__(self) -> "MailHost":
        self._controller._trigger_server = self._wake  # type: ignore[method-assign] # it would ask port 0, not the one it got
        self._controller.start()
        return self

    def _wake(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), 10) as line:
            line.recv(1)

    def __exit__(self, *_: object) -> None:
        self._controller.stop()


def incident(severity: int = Severity.CRITICAL, **changed: Any) -> Incident:
    at: datetime = changed.pop("opened_at", now())
    given = {"source": "rule:1", "subject": "", "sentence": "TLS errors at Outlook are 12 %.", "since": at, "opened_at": at, **changed}
    return Incident.objects.create(severity=severity, **given)


def channel(kind: str, name: str = "", after_minutes: int = 0, **changed: Any) -> Channel:
    made = Channel.objects.create(name=name or kind, kind=kind, **changed)
    TellStep.objects.create(severity=Severity.WARNING, after_minutes=after_minutes, channel=made)
    return made


def mail_route(port: int, security: str = "starttls", host: str = "localhost") -> None:
    MailRoute.objects.update_or_create(id=1, defaults={"host": host, "port": port, "security": security, "sender": "alerts@platform.example"})
