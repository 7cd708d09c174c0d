"""The sandbox's demo channels: a signed webhook that the simulated internet shows at /hooks, and mail by one of its mail hosts, so that a test of a channel
works out of the box. Both are marked as simulated, made once, and follow the sandbox's ports; who deletes one does not get it again.
"""

from django.conf import settings

from mailplatform.shell.models import AuditEntry, Severity
from monitoring.telling.channels import Wish, keep, keep_mail_route
from monitoring.telling.models import Channel, MailRoute, TellStep

NAME = "Sandbox page of webhooks (simulated)"
MAILBOX = "Mailbox of the night shift (simulated)"
PEOPLE = "night-shift@operations.example"
HOST, SENDER = "mx1.anydomain.test", "alerts@platform.example"  # the sandbox's smarthost takes mail for every domain
BY = "the sandbox"
ESCALATES_AFTER_MINUTES = 15


def demo_channel() -> None:
    if not settings.SANDBOX_URL:
        return
    channel = Channel.objects.filter(name=NAME).first()
    url = {"url": f"{settings.SANDBOX_URL}/hooks/alarms"}
    if channel is None and not _was_made(NAME):
        made, _ = keep(Wish(NAME, Channel.Kind.WEBHOOK, secrets=url), BY)
        TellStep.objects.create(severity=Severity.WARNING, after_minutes=0, channel=made)
    elif channel is not None and not channel.address.startswith(f"{settings.SANDBOX_URL}/"):
        same = ("enabled", "tells_resolved", "weekdays", "from_time", "until_time", "per_hour")
        keep(Wish(NAME, Channel.Kind.WEBHOOK, secrets=url, **{field: getattr(channel, field) for field in same}), BY, channel)
    _demo_mail()


def _demo_mail() -> None:
    """The route, and who gets mail when nobody has acknowledged something critical."""
    route = MailRoute.objects.filter(pk=1).first()
    if route is None or (route.host == HOST and route.port != settings.SMTP_PORT):
        keep_mail_route(HOST, settings.SMTP_PORT, MailRoute.Security.STARTTLS, SENDER, BY)
    if not _was_made(MAILBOX) and not Channel.objects.filter(name=MAILBOX).exists():
        made, _ = keep(Wish(MAILBOX, Channel.Kind.EMAIL, address=PEOPLE), BY)
        TellStep.objects.create(severity=Severity.CRITICAL, after_minutes=ESCALATES_AFTER_MINUTES, channel=made)


def _was_made(name: str) -> bool:
    return AuditEntry.objects.filter(actor=BY, action="channel made", target=f"channel {name}").exists()
