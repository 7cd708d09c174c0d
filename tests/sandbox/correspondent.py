"""Independent clients for the sandbox: dnspython asks, smtplib sends, urllib reads."""

import json
import smtplib
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import dns.message
import dns.query

from mailplatform.sandbox.aside import Aside

FROM = "sender@brightfield.example"


def ask(world: Aside, name: str, kind: str, tcp: bool = False) -> dns.message.Message:
    """One DNS question."""
    host, port = world.resolver.split(":")
    query = dns.message.make_query(name, kind, use_edns=0)
    return (dns.query.tcp if tcp else dns.query.udp)(query, host, port=int(port), timeout=5)


def values(world: Aside, name: str, kind: str) -> list[str]:
    """The answer's records as text, in order."""
    return sorted(item.to_text() for rrset in ask(world, name, kind).answer for item in rrset)


def first_mx(world: Aside, domain: str) -> str:
    """The MX host that is preferred."""
    found = min((line.split() for line in values(world, domain, "MX")), key=lambda pair: int(pair[0]))
    return found[1].rstrip(".")


def message(number: int = 1, **headers: str) -> bytes:
    """A well-formed message."""
    fields = {"From": FROM, "Date": "Sun, 22 Nov 2026 15:00:00 +0000", "Message-ID": f"<{number}@brightfield.example>", "Subject": "Hello", **headers}
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\nA line.\r\n..dots\r\n"


class Client(smtplib.SMTP):
    """smtplib, connected to a domain's preferred MX from a sending address."""

    def __init__(self, world: Aside, domain: str, ip: str = "127.10.1.1", tls: bool = True, host: str = "", timeout: float = 8) -> None:
        super().__init__(source_address=(ip, 0), local_hostname="mta1.platform.example", timeout=timeout)
        self.mx = host or first_mx(world, domain)
        self.greeting = self.connect(values(world, self.mx, "A")[0], world.smtp_port)
        self._host = self.mx
        if self.greeting[0] == 220:
            self.ehlo()
            if tls:
                self.starttls(context=ssl.create_default_context(cafile=str(world.ca_file)))
                self.ehlo()

    def deliver(self, rcpt: str, body: bytes | None = None, sender: str = FROM) -> tuple[int, str]:
        """The deciding reply of one message to one recipient."""
        for step in (lambda: self.mail(sender), lambda: self.rcpt(rcpt)):
            code, text = step()
            if code != 250:
                if code != 421:
                    self.rset()
                return code, text.decode()
        code, text = self.data(body or message())
        return code, text.decode()


def deliver(world: Aside, rcpt: str, body: bytes | None = None, ip: str = "127.10.1.1", tls: bool = True) -> tuple[int, str]:
    """One message on a connection of its own."""
    client = Client(world, rcpt.rpartition("@")[2], ip, tls)
    try:
        return client.deliver(rcpt, body)
    finally:
        client.close()


def get(world: Aside, path: str) -> Any:
    """JSON from the API."""
    with urllib.request.urlopen(world.url + path, timeout=5) as response:
        return json.loads(response.read())


def post(world: Aside, order: object, content_type: str = "application/json", **headers: str) -> tuple[int, Any]:
    """An order to the control API."""
    request = urllib.request.Request(world.url + "/api/control", json.dumps(order).encode(), {"Content-Type": content_type, **headers})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def eventually(true: Callable[[], Any], within_s: float = 5) -> Any:
    """Wait until something is so."""
    end = time.monotonic() + within_s
    while not (result := true()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)
    return result
