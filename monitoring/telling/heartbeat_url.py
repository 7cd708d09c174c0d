"""The heartbeat's URL as staff give it: sealed, audited, shown as its place alone. Who calls it is `heartbeat`."""

from django.core.exceptions import ValidationError
from django.db import transaction

from mailplatform.shell.audit import record as audit
from mailplatform.shell.outgoing import UrlRefused, permitted, where
from mailplatform.shell.secrets import CannotDecrypt, decrypt, encrypt
from monitoring.metrics.models import MonitoringPolicy
from monitoring.metrics.policy import locked
from monitoring.telling.channels import ChannelRefused


def keep_heartbeat(url: str, every_s: int, who: object, address: str | None = None) -> MonitoringPolicy:
    """An empty URL stays as it is. A new one is called within seconds."""
    place = _place_of(url) if url else ""
    with transaction.atomic():
        row = locked()
        if not url and not row.heartbeat_url_encrypted:
            raise ChannelRefused("It needs a URL.")
        if url:
            row.heartbeat_url_encrypted = encrypt(url.encode())
            row.heartbeat_at, row.heartbeat_problem = None, ""
        row.heartbeat_every_s = every_s
        try:
            row.full_clean(exclude=["id"])
        except ValidationError as wrong:
            raise ChannelRefused(" ".join(wrong.messages)) from None
        row.save()
        audit(who, "heartbeat changed", "the heartbeat", f"{place or place_of(row)} is called every {every_s} s as long as monitoring works.", address=address)
    return row


def end_heartbeat(who: object, address: str | None = None) -> None:
    """Nobody is called any more; the URL is forgotten."""
    with transaction.atomic():
        row = locked()
        audit(who, "heartbeat ended", "the heartbeat", f"{place_of(row) or 'Nobody'} is not called any more.", address=address)
        row.heartbeat_url_encrypted, row.heartbeat_at, row.heartbeat_problem = None, None, ""
        row.save()


def place_of(row: MonitoringPolicy) -> str:
    """What may be shown of where it leads; empty: it leads nowhere."""
    if not row.heartbeat_url_encrypted:
        return ""
    try:
        return _place_of(decrypt(row.heartbeat_url_encrypted).decode())
    except (CannotDecrypt, ChannelRefused):
        return "a URL that cannot be read"


def _place_of(url: str) -> str:
    try:
        place = where(url, permitted())
    except UrlRefused as no:
        raise ChannelRefused(str(no)) from None
    return f"{place.scheme}://{place.authority}/…"
