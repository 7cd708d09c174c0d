"""Channels as staff make them: what each kind needs, secrets sealed, everything audited. Never: gives a secret back.

`keep` makes or changes one; a secret that is left empty stays as it was. Fails with ChannelRefused, whose text is for whoever asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from delivery.webhooks.signature import new_secret
from mailplatform.shell.audit import record as audit
from mailplatform.shell.outgoing import UrlRefused, permitted, where
from mailplatform.shell.secrets import encrypt
from monitoring.telling.message import people_of
from monitoring.telling.models import Channel, MailRoute
from monitoring.telling.secret import ROUTING, SIGNING, URL, opened, sealed

NEEDS: dict[str, tuple[str, ...]] = {"email": (), "webhook": (URL,), "slack": (URL,), "pagerduty": (ROUTING,)}


class ChannelRefused(ValueError):
    """It cannot be kept like that; the text says why."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a channel."""

    name: str
    kind: str
    address: str = ""  # of mail channels; else filled in with the URL's host
    secrets: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True
    tells_resolved: bool = True
    weekdays: Sequence[int] = ()
    from_time: time | None = None
    until_time: time | None = None
    per_hour: int = 60


def keep(wish: Wish, who: object, channel: Channel | None = None, address: str | None = None) -> tuple[Channel, str]:
    """(the channel, the signing secret if one was just made: it is shown this once)"""
    is_new = channel is None
    channel = channel or Channel(kind=wish.kind)
    if channel.kind != wish.kind:
        raise ChannelRefused("A channel keeps its kind: make another one.")
    before, given = opened(channel.secret_encrypted), {name: part.strip() for name, part in wish.secrets.items() if part.strip()}
    if before.get(ROUTING) and given.get(URL, before.get(URL)) != before.get(URL) and not given.get(ROUTING):
        raise ChannelRefused("Give the routing key too: the one that is kept is not sent to another URL.")
    parts = {**before, **given}
    made = ""
    if wish.kind == Channel.Kind.WEBHOOK and not parts.get(SIGNING):
        parts[SIGNING] = made = new_secret()
    channel.address = _address(wish, parts)
    for name in ("name", "enabled", "tells_resolved", "from_time", "until_time", "per_hour"):
        setattr(channel, name, getattr(wish, name))
    channel.weekdays = list(wish.weekdays)
    channel.secret_encrypted = sealed(**parts) if parts else None
    try:
        channel.full_clean(exclude=["secret_encrypted"])
    except ValidationError as wrong:
        raise ChannelRefused(" ".join(wrong.messages)) from None
    with transaction.atomic():
        channel.save()
        did = "Made" if is_new else "Changed"
        audit(who, f"channel {did.lower()}", channel, f"{did} the channel {channel.name}.", address=address)
    return channel, made


def renew(channel: Channel, who: object, address: str | None = None) -> str:
    """A new signing secret, shown this once; the one before signs nothing any more."""
    secret = new_secret()
    with transaction.atomic():
        channel.secret_encrypted = sealed(**{**opened(channel.secret_encrypted), SIGNING: secret})
        channel.save(update_fields=["secret_encrypted", "updated_at"])
        audit(who, "channel secret renewed", channel, f"Made a new signing secret for the channel {channel.name}.", address=address)
    return secret


def delete(channel: Channel, who: object, address: str | None = None) -> None:
    """With its steps and what it was told."""
    with transaction.atomic():
        audit(who, "channel deleted", channel, f"Deleted the channel {channel.name}.", address=address)
        channel.delete()


def keep_mail_route(
    host: str, port: int, security: str, sender: str, who: object, user: str = "", password: str = "", address: str | None = None
) -> MailRoute:
    """An empty password leaves the one there is, unless the user is emptied too. It is never sent to another host than the one that it was given for."""
    row = MailRoute.objects.filter(pk=1).first() or MailRoute(pk=1)
    if row.password_encrypted and user.strip() and not password and host.strip() != row.host:
        raise ChannelRefused("Give the password too: the one that is kept is not sent to another host.")
    row.host, row.port, row.security, row.user, row.sender = host.strip(), port, security, user.strip(), sender.strip()
    if password or not row.user:
        row.password_encrypted = encrypt(password.encode()) if password and row.user else None
    try:
        row.full_clean(exclude=["password_encrypted", "id"])
    except ValidationError as wrong:
        raise ChannelRefused(" ".join(wrong.messages)) from None
    sentence = f"Monitoring's own mail now leaves by {row} ({row.get_security_display()})."
    with transaction.atomic():
        row.save()
        audit(who, "mail route changed", "monitoring's mail route", sentence, address=address)
    return row


def _address(wish: Wish, parts: Mapping[str, str]) -> str:
    """What may be shown of where it leads."""
    if missing := [name for name in NEEDS[wish.kind] if not parts.get(name)]:
        raise ChannelRefused(f"It needs {' and '.join({URL: 'a URL', ROUTING: 'a routing key'}[name] for name in missing)}.")
    if wish.kind == Channel.Kind.EMAIL:
        people = people_of(wish.address)
        try:
            for one in people:
                validate_email(one)
        except ValidationError:
            raise ChannelRefused(f"{one} is not a mail address.") from None
        if not people:
            raise ChannelRefused("It needs a mail address.")
        return ", ".join(people)
    if not parts.get(URL):
        return ""
    try:
        place = where(parts[URL], permitted())
    except UrlRefused as no:
        raise ChannelRefused(str(no)) from None
    return f"{place.scheme}://{place.authority}/…"
