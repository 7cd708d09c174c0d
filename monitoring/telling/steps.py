"""Steps as staff make them: who is told of which severity, at once or after so many minutes. Audited. Fails with ChannelRefused."""

from django.core.exceptions import ValidationError
from django.db import transaction

from mailplatform.shell.audit import record as audit
from mailplatform.shell.models import Severity
from monitoring.telling.channels import ChannelRefused
from monitoring.telling.models import Channel, TellStep


def keep_step(severity: int, after_minutes: int, channel: Channel, who: object, address: str | None = None) -> TellStep:
    """A new one. One that is there already is refused."""
    step = TellStep(severity=severity, after_minutes=after_minutes, channel=channel)
    if TellStep.objects.filter(severity=severity, after_minutes=after_minutes, channel=channel).exists():
        raise ChannelRefused(f"{channel} is told of that already.")
    try:
        step.full_clean()
    except ValidationError as wrong:
        raise ChannelRefused(" ".join(wrong.messages)) from None
    with transaction.atomic():
        step.save()
        audit(who, "step made", channel, f"From now on {said(step)}.", address=address)
    return step


def drop_step(step: TellStep, who: object, address: str | None = None) -> None:
    with transaction.atomic():
        audit(who, "step deleted", step.channel, f"It is over that {said(step)}.", address=address)
        step.delete()


def said(step: TellStep) -> str:
    """The night shift is told of critical incidents when nobody has acknowledged for 15 min."""
    worse = "" if step.severity >= Severity.CRITICAL else " and worse ones"
    which = f"of {Severity(step.severity).label} incidents{worse}" if step.severity > Severity.INFO else "of every incident"
    return f"{step.channel} is told {which} " + (f"when nobody has acknowledged for {step.after_minutes} min" if step.after_minutes else "at once")

