"""A tenant's program that speaks SMTP to a whole platform."""

import json
import smtplib
import ssl

from tests.flow.platform import Platform


def submission_port(platform: Platform, name: str = "submission") -> int:
    return int(json.loads((platform.data / "ports.json").read_text())[name])


def trusting(platform: Platform) -> ssl.SSLContext:
    """A client's context that takes the certificate which the process has made for itself, and no other."""
    return ssl.create_default_context(cafile=str(platform.data / "smtp-127.0.0.1.pem"))


def logged_in(platform: Platform, key: str = "") -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", submission_port(platform), timeout=30)
    try:
        client.starttls(context=trusting(platform))
        client.login("any name", key or platform.demo["tenant"]["api_key"])
    except BaseException:
        client.close()
        raise
    return client


def send(client: smtplib.SMTP, sender: str, to: str, subject: str, **fields: str) -> str:
    """The accepted message's id; the reply as an error otherwise."""
    head = {"From": f"Hello <{sender}>", "To": to, "Subject": subject, **{name.replace("_", "-"): value for name, value in fields.items()}}
    for code, text in (client.mail("program@elsewhere.example"), client.rcpt(to)):
        if code != 250:
            raise smtplib.SMTPResponseException(code, text)
    code, text = client.data("".join(f"{name}: {value}\r\n" for name, value in head.items()) + "\r\nHello\r\n")
    if code != 250:
        raise smtplib.SMTPResponseException(code, text)
    return text.decode().partition(" as ")[2].split(",")[0]
