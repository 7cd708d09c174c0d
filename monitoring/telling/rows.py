"""Rows as the values that senders and memory work with. Reads only; secrets stay encrypted."""

from datetime import datetime

from monitoring.telling.hours import on_call
from monitoring.telling.message import Remembered, Route
from monitoring.telling.models import Channel, MailRoute


def remembered(channel: Channel) -> Remembered:
    start, end = channel.from_time, channel.until_time
    hours = (start.strftime("%H:%M"), end.strftime("%H:%M")) if start and end else None
    secret = bytes(channel.secret_encrypted).decode() if channel.secret_encrypted else ""
    return Remembered(channel.pk, channel.name, channel.kind, channel.address, secret, channel.tells_resolved, tuple(channel.weekdays), hours)


def is_on_call(channel: Channel, at: datetime) -> bool:
    return on_call(at, channel.weekdays, channel.from_time, channel.until_time)


def mail_route() -> Route:
    row = MailRoute.objects.filter(pk=1).first()
    if row is None:
        return Route()
    password = bytes(row.password_encrypted).decode() if row.password_encrypted else ""
    return Route(row.host, row.port, row.security, row.user, password, row.sender)
