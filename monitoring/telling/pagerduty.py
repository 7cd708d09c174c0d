"""PagerDuty-compatible Events API v2 (https://developer.pagerduty.com/docs/send-alert-event): one alert an incident, by `dedup_key`."""

import json

from monitoring.telling.message import Act, Message, NotTold, Remembered, Route
from monitoring.telling.request import ask
from monitoring.telling.secret import ROUTING, URL, opened

DEFAULT_URL = "https://events.pagerduty.com/v2/enqueue"
LONGEST_SUMMARY = 1024


def body_of(message: Message, routing_key: str) -> dict[str, object]:
    head = {"routing_key": routing_key, "dedup_key": f"mailplatform:{message.thread}"[:255]}
    if message.act is Act.RESOLVED:
        return {**head, "event_action": "resolve"}
    if message.act is Act.ACKNOWLEDGED:
        return {**head, "event_action": "acknowledge"}
    payload = {
        "summary": message.subject[:LONGEST_SUMMARY], "source": "mailplatform", "severity": message.severity,  # its words are ours: info, warning, critical
        "custom_details": {"text": message.text, **message.facts},
    }  # fmt: skip
    return {**head, "event_action": "trigger", "payload": payload, "client": "Mailplatform"}


def send(message: Message, channel: Remembered, _: Route) -> str:
    secret = opened(channel.secret)
    if not secret.get(ROUTING):
        raise NotTold("it has no routing key", final=True)
    body = json.dumps(body_of(message, secret[ROUTING])).encode()
    return ask("POST", secret.get(URL) or DEFAULT_URL, {"Content-Type": "application/json"}, body)
