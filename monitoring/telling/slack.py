"""Slack-compatible incoming webhook (https://api.slack.com/messaging/webhooks): a text, and an attachment with a colour for its severity."""

import json

from monitoring.telling.message import Act, Message, NotTold, Remembered, Route
from monitoring.telling.request import ask
from monitoring.telling.secret import URL, opened

COLOURS = {"info": "#5a60d6", "warning": "#c98500", "critical": "#c4332b"}
WELL = "#2e7d4f"


def body_of(message: Message) -> dict[str, object]:
    colour = WELL if message.act is Act.RESOLVED else COLOURS[message.severity]
    return {"text": _plain(message.subject), "attachments": [{"color": colour, "fallback": _plain(message.subject), "text": _plain(message.text)}]}


def send(message: Message, channel: Remembered, _: Route) -> str:
    if not (url := opened(channel.secret).get(URL)):
        raise NotTold("it has no URL", final=True)
    return ask("POST", url, {"Content-Type": "application/json"}, json.dumps(body_of(message)).encode())


def _plain(text: str) -> str:
    """Names that strangers chose mention nobody and make no links."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
