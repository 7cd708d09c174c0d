"""The submission service on a listener in this process, with tenants in the test's database."""

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from delivery.smtpd.limits import Limits
from delivery.smtpd.submission import Submission
from delivery.submit.group import Group
from tests.api.world import Sender
from tests.smtpd.listening import Served, serving


@contextlib.contextmanager
def submission(folder: Path, service: Any = None, limits: Limits | None = None, threads: int = 2, **door: Any) -> Iterator[Served]:
    group = Group(threads)
    own = service(group) if service else Submission(group, "mail.test")
    try:
        with serving(own, folder, limits, **door) as served:
            yield served
    finally:
        group.close()
        own.close()


def logged_in(port: int, sender: Sender, key: str | None = None) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", port, timeout=20)
    client.starttls(context=ssl._create_unverified_context())
    client.login(sender.tenant.name, sender.key if key is None else key)
    return client


def mime(sender: Sender, to: str = "anna@gmail.com", **fields: str) -> str:
    head = {"From": f"News <news@{sender.domain}>", "To": to, "Subject": "Hello", **{name.replace("_", "-"): value for name, value in fields.items()}}
    return "".join(f"{name}: {value}\r\n" for name, value in head.items()) + "\r\nHi Anna\r\n"


def send(client: smtplib.SMTP, sender: Sender, to: list[str] | str = "anna@gmail.com", data: str | bytes = "", **fields: str) -> tuple[int, str]:
    """The reply to one message, sent by hand: smtplib's sendmail hides a 250's text."""
    client.mail("bounce@anywhere.example")
    for each in [to] if isinstance(to, str) else to:
        code, text = client.rcpt(each)
        if code != 250:
            client.rset()
            return code, text.decode()
    code, text = client.data(data or mime(sender, **fields))
    return code, text.decode()
