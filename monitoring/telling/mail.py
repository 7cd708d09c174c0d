"""Mail by a route of monitoring's own: an SMTP server that is not this platform, so that it works when the platform's delivery does not.

Promises: TLS with a verified certificate, unless the route says `none`, which only a relay on loopback may; one session a message, bounded in time.
Marked as made by a machine (RFC 3834), so that nothing answers it. In the sandbox it connects to loopback alone.
"""

import asyncio
import smtplib
import socket
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from django.conf import settings

from delivery.smtp.replies import clean
from delivery.sort.resolver import Resolver
from mailplatform.shell.addresses import stays_here
from mailplatform.shell.clock import now
from mailplatform.shell.secrets import decrypt
from monitoring.telling.message import Message, NotTold, Remembered, Route, people_of
from monitoring.telling.request import context

EACH_S = 10.0  # for every answer of the server


def send(message: Message, channel: Remembered, route: Route) -> str:
    people = people_of(channel.address)
    if not route.host or not route.sender:
        raise NotTold("there is no mail route: name a server and a sender", final=True)
    if not people:
        raise NotTold("it has no mail address", final=True)
    try:
        with _session(route) as session:
            refused = session.send_message(letter(message, people, route.sender), route.sender, people)
    except smtplib.SMTPResponseException as no:
        raise NotTold(f"the mail server answered {no.smtp_code} {_words(no.smtp_error)}") from None
    except smtplib.SMTPRecipientsRefused as no:
        code, words = next(iter(no.recipients.values()))
        raise NotTold(f"the mail server answered {code} {_words(words)}") from None
    except (OSError, smtplib.SMTPException) as no:
        raise NotTold(f"the mail server: {str(no)[:200] or type(no).__name__}") from None
    return f"taken by {route.host} for {len(people) - len(refused)} of {len(people)}"


def letter(message: Message, people: list[str], sender: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"] = sender, ", ".join(people)
    made["Subject"] = " ".join(message.subject.split())
    made["Date"], made["Message-ID"] = format_datetime(now()), make_msgid(domain=sender.rpartition("@")[2] or "localhost")
    made["Auto-Submitted"] = "auto-generated"
    made["X-Mailplatform-Incident"] = message.thread
    made.set_content(message.text)
    return made


class _AtAddress:
    """smtplib's sessions, connected to the very address that was looked at; the certificate is the name's."""

    address: str

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((self.address, port), timeout)


class _Plain(_AtAddress, smtplib.SMTP):
    pass


class _Secured(_AtAddress, smtplib.SMTP):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return context(settings.EXTRA_CA_FILE).wrap_socket(super()._get_socket(host, port, timeout), server_hostname=host)


def _session(route: Route) -> smtplib.SMTP:
    address = _address(route.host)
    if not stays_here(address) and (route.security == "none" or settings.MAIL_MODE != "live"):
        raise NotTold("without TLS mail goes to a relay on this machine only" if route.security == "none" else "the sandbox connects to loopback only", True)
    session: smtplib.SMTP = (_Secured if route.security == "tls" else _Plain)(timeout=EACH_S)
    session.address = address  # type: ignore[attr-defined]
    session._host = route.host  # type: ignore[attr-defined] # smtplib verifies the certificate against the name that its constructor was given
    try:
        session.connect(route.host, route.port)
        if route.security == "starttls":
            session.starttls(context=context(settings.EXTRA_CA_FILE))
        if route.user:
            session.login(route.user, decrypt(route.password.encode()).decode())
    except BaseException:
        session.close()
        raise
    return session


def _address(host: str) -> str:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
        return host
    except OSError:
        pass
    found = ["127.0.0.1"] if host == "localhost" else list(asyncio.run(Resolver(settings.RESOLVER).addresses(host)))
    if not found:
        raise NotTold(f"{host} has no address, or none could be learned")
    return str(found[0])


def _words(said: bytes | str) -> str:
    return clean(said if isinstance(said, bytes) else said.encode())[:200]
