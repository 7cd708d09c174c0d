"""Senders, by kind of channel. Each tells one message within seconds and gives what was answered, or raises NotTold."""

from collections.abc import Callable

from mailplatform.shell.secrets import CannotDecrypt
from monitoring.telling import mail, pagerduty, slack, webhook
from monitoring.telling.message import Message, NotTold, Remembered, Route

SENDERS: dict[str, Callable[[Message, Remembered, Route], str]] = {
    "email": mail.send, "webhook": webhook.send, "slack": slack.send, "pagerduty": pagerduty.send,
}  # fmt: skip


def tell(message: Message, channel: Remembered, route: Route) -> str:
    try:
        return SENDERS[channel.kind](message, channel, route)
    except CannotDecrypt as no:
        raise NotTold(str(no), final=True) from None
    except NotTold:
        raise
    except Exception as surprise:  # of ours: tried again, and not quoted, for it may name a secret
        raise NotTold(f"our own mistake: {type(surprise).__name__}") from surprise
