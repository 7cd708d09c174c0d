"""Asked for by people: a test of a channel, and who would be told."""

from datetime import datetime, timedelta
from uuid import uuid4

from mailplatform.shell.audit import record as audit
from mailplatform.shell.clock import now
from monitoring.telling.message import NotTold
from monitoring.telling.models import Channel, Telling, TellStep
from monitoring.telling.rows import is_on_call, mail_route, remembered
from monitoring.telling.send import LEASE_S, message_of, record
from monitoring.telling.senders import tell


def send_test(channel: Channel, who: str) -> Telling:
    """Sends at once, within some seconds; the row has the answer. Says what it is, and that nothing is wrong."""
    at = now()
    text = f"{who} asked for a test of the channel “{channel.name}”. Nothing is wrong."
    row = Telling.objects.create(
        key=f"test:{channel.pk}:{uuid4()}", channel=channel, kind=Telling.Kind.TEST, subject="[Test] Monitoring can reach you", text=text,
        facts={"channel": channel.name, "asked_by": who}, created_at=at, due_at=at + timedelta(seconds=LEASE_S), tries=1,
    )  # fmt: skip
    try:
        record(row, tell(message_of(row), remembered(channel), mail_route()), None)
    except NotTold as no:
        record(row, str(no), no)
    audit(who, "channel tested", channel, f"Sent a test to the channel {channel.name}: {row.answer}.")
    return row


def who_will_be_told(severity: int, at: datetime) -> list[tuple[Channel, int, bool]]:
    """(channel, after how many minutes, whether it is on call then), in the order of time."""
    steps = TellStep.objects.filter(severity__lte=severity, channel__enabled=True).select_related("channel").order_by("after_minutes", "channel__name")
    found: dict[tuple[int, int], tuple[Channel, int, bool]] = {}
    for step in steps:
        awake = is_on_call(step.channel, at + timedelta(minutes=step.after_minutes))
        found.setdefault((step.channel_id, step.after_minutes), (step.channel, step.after_minutes, awake))
    return list(found.values())
