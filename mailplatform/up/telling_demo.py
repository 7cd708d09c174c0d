"""The sandbox's demo channel: a signed webhook that the simulated internet shows at /hooks, so that a test of a channel works out of the box."""

from django.conf import settings

from mailplatform.shell.models import AuditEntry, Severity
from monitoring.telling.channels import Wish, keep
from monitoring.telling.models import Channel, TellStep

NAME = "Sandbox page of webhooks (simulated)"
BY = "the sandbox"


def demo_channel() -> None:
    """Made once, with the first start; its address follows the sandbox's port. Who deletes it does not get it again."""
    if not settings.SANDBOX_URL:
        return
    channel = Channel.objects.filter(name=NAME).first()
    url = {"url": f"{settings.SANDBOX_URL}/hooks/alarms"}
    if channel is None and not AuditEntry.objects.filter(actor=BY, action="channel made").exists():
        made, _ = keep(Wish(NAME, Channel.Kind.WEBHOOK, secrets=url), BY)
        TellStep.objects.create(severity=Severity.WARNING, after_minutes=0, channel=made)
    elif channel is not None and not channel.address.startswith(f"{settings.SANDBOX_URL}/"):
        same = ("enabled", "tells_resolved", "weekdays", "from_time", "until_time", "per_hour")
        keep(Wish(NAME, Channel.Kind.WEBHOOK, secrets=url, **{field: getattr(channel, field) for field in same}), BY, channel)
