"""Signed webhook: JSON under Standard Webhooks' signature, as tenants' webhooks have it. The body stands in docs/monitoring.md."""

import json
import time

from delivery.webhooks.signature import signed_headers
from monitoring.telling.message import Message, NotTold, Remembered, Route
from monitoring.telling.request import ask
from monitoring.telling.secret import SIGNING, URL, opened


def send(message: Message, channel: Remembered, _: Route) -> str:
    secret = opened(channel.secret)
    if not secret.get(URL):
        raise NotTold("it has no URL", final=True)
    body = json.dumps(
        {"type": f"incident.{message.act}", "severity": message.severity, "subject": message.subject, "text": message.text, "data": message.facts}
    ).encode()
    signed = signed_headers([secret[SIGNING]], f"tell_{message.key}", int(time.time()), body) if secret.get(SIGNING) else {}
    return ask("POST", secret[URL], {"Content-Type": "application/json", **signed}, body)
