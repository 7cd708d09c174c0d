"""Programs that nobody here wrote send mail in over SMTP, and OpenDKIM verifies what arrived."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import pytest
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from mailplatform.shell.ids import delivery_id
from tests.domains import stranger
from tests.flow.platform import Platform, wait_until
from tests.flow.smarthost import MISSING, SmartHost
from tests.flow.smtp_client import logged_in, submission_port, trusting
from tests.flow.words import fresh

STORED = "SELECT id FROM delivery_message WHERE subject = %s ORDER BY id"


def by_smtplib(platform: Platform, subject: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = platform.address(), "Anna Ångström <anna@gmail.com>", subject
    message.set_content("Grüße")
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="Rechnung für dich.pdf")
    with logged_in(platform) as client:
        client.send_message(message)


def by_django(platform: Platform, subject: str) -> None:
    """As settings.py of any Django project has it: EMAIL_HOST, EMAIL_PORT, EMAIL_USE_TLS, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD."""
    key = platform.demo["tenant"]["api_key"]
    backend = EmailBackend("127.0.0.1", submission_port(platform), "harbour", key, use_tls=True)
    backend.ssl_context = trusting(platform)
    headers = {"X-Mailplatform-Tags": "django"}
    message = EmailMultiAlternatives(subject, "Text", platform.address(), ["anna@gmail.com"], bcc=["secret@gmail.com"], headers=headers)
    message.attach_alternative("<p>HTML</p>", "text/html")
    assert backend.send_messages([message]) == 1


def by_swaks(platform: Platform, subject: str) -> None:
    key, at = platform.demo["tenant"]["api_key"], f"127.0.0.1:{submission_port(platform)}"
    who = ("--auth", "LOGIN", "--auth-user", "harbour", "--auth-password", key, "--from", platform.address(), "--to", "anna@gmail.com")
    done = subprocess.run(["swaks", "--server", at, "--tls", *who, "--header", f"Subject: {subject}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def by_swaks_with_tls_first(platform: Platform, subject: str) -> None:
    key, at = platform.demo["tenant"]["api_key"], f"127.0.0.1:{submission_port(platform, 'submission_tls')}"
    who = ("--auth", "PLAIN", "--auth-user", "harbour", "--auth-password", key, "--from", platform.address(), "--to", "anna@gmail.com")
    done = subprocess.run(["swaks", "--server", at, "--tlsc", *who, "--header", f"Subject: {subject}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def by_postfix(platform: Platform, subject: str) -> None:
    with SmartHost(submission_port(platform), platform.demo["tenant"]["api_key"]) as postfix:
        postfix.take(30, platform.address(), "anna@gmail.com", subject)
        wait_until(lambda: postfix.is_idle(), 60, "Postfix had handed everything over")


WAYS = {by_smtplib: "", by_django: "", by_swaks: "swaks", by_swaks_with_tls_first: "swaks", by_postfix: MISSING or ""}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_it_arrives_and_verifies(platform: Platform, tmp_path: Path, way: Callable[[Platform, str], None]) -> None:
    if WAYS[way] == "swaks" and shutil.which("swaks") is None:
        pytest.skip("this needs swaks: apt-get install swaks libnet-ssleay-perl")
    if way is by_postfix and MISSING:
        pytest.skip(MISSING)
    subject = f"by {fresh()}"
    way(platform, subject)
    wanted = 30 if way is by_postfix else 1
    stored = platform.rows(STORED, subject)
    assert len(stored) == wanted
    for (message,) in stored:
        platform.until(str(message), "delivered")
    if way is by_django:
        assert sorted(each["to"] for each in platform.message(str(stored[0][0]))["deliveries"]) == ["anna@gmail.com", "secret@gmail.com"]
    raw = _raw(platform, str(delivery_id(UUID(str(stored[0][0])), 1)))
    assert raw.count(b"DKIM-Signature:") == 2 and b"secret@" not in raw and b"X-Mailplatform-Tags" not in raw
    assert b"Received: by [127.0.0.1] with ESMTPSA\r\n" in raw
    if why := stranger.missing():
        pytest.skip(f"it arrived; but {why}")
    (tmp_path / "arrived.eml").write_bytes(raw)
    assert stranger.verify(platform.data / "sandbox" / "zones.json", tmp_path / "arrived.eml") == (0, "")


def _raw(platform: Platform, delivery: str) -> bytes:
    """The message as it arrived, byte for byte."""
    arrived = wait_until(lambda: platform.arrived(delivery), 15, "it arrived")[0]
    ports = json.loads((platform.data / "sandbox" / "ports.json").read_text())
    with urllib.request.urlopen(f"{ports['url']}/message/{arrived['n']}/raw", timeout=10) as answer:
        return bytes(answer.read())
