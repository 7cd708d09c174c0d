"""Standing: how channels stand, and who would be told of an incident at a time, as pages show it. Reads only; secrets are never opened here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from mailplatform.shell.formats import listed, moment
from mailplatform.shell.models import Severity
from monitoring.telling import hours
from monitoring.telling.asked import who_will_be_told
from monitoring.telling.models import OPENINGS, Channel, Telling, TellStep
from monitoring.telling.rows import is_on_call

NAMED = 3


@dataclass(frozen=True, slots=True)
class Standing:
    channel: Channel
    last: Telling | None
    last_hour: int  # openings that it was told in the last hour: they count against its rate
    hours: str
    on_call: bool

    @property
    def state(self) -> tuple[str, str]:
        """(a word, its look)"""
        if not self.channel.enabled:
            return "off", "stopped"
        if self.channel.failing_since:
            return "failing", "broken"
        return ("works", "good") if self.channel.last_told_at else ("never used", "waiting")


@dataclass(frozen=True, slots=True)
class Told:
    """A step at a time: `due` is when it would be told, None: never."""

    channel: Channel
    after_minutes: int
    on_call: bool
    due: datetime | None


@dataclass(frozen=True, slots=True)
class Route:
    """The steps of one severity."""

    severity: int
    words: str
    steps: tuple[TellStep, ...]


def standings(at: datetime) -> list[Standing]:
    """By name. Three statements, however many."""
    last = {row.channel_id: row for row in Telling.objects.exclude(answer="").order_by("channel_id", "-id").distinct("channel_id")}
    told = Telling.objects.filter(kind__in=OPENINGS, state=Telling.State.TOLD, told_at__gt=at - timedelta(hours=1))
    rates = dict(told.values_list("channel").annotate(Count("pk")))
    return [Standing(one, last.get(one.pk), rates.get(one.pk, 0), hours_of(one), is_on_call(one, at)) for one in Channel.objects.all()]


def hours_of(channel: Channel) -> str:
    return hours.words(channel.weekdays, channel.from_time, channel.until_time)


def routes() -> list[Route]:
    steps = list(TellStep.objects.select_related("channel").order_by("severity", "after_minutes", "channel__name"))
    found = ((one, tuple(step for step in steps if step.severity == one)) for one in reversed(Severity))
    return [Route(int(one), (Severity(one).label + ("" if one >= Severity.CRITICAL else " and worse")).capitalize(), mine) for one, mine in found if mine]


def night(at: datetime) -> datetime:
    """The next three o'clock."""
    three = at.replace(hour=3, minute=0, second=0, microsecond=0)
    return three if three > at else three + timedelta(days=1)


def told_at(severity: int, at: datetime) -> list[Told]:
    """Who would hear of an incident that opens then, and that nobody acknowledges."""
    found = []
    for channel, minutes, awake in who_will_be_told(severity, at):
        begins = hours.next_on_call(at + timedelta(minutes=minutes), channel.weekdays, channel.from_time, channel.until_time)
        found.append(Told(channel, minutes, awake, begins))
    return found


def sentence(rows: Sequence[Standing], critical: Sequence[Told], telling: bool, at: datetime) -> tuple[str, str]:
    """A state and its words: what a critical incident would do just now, and what is wrong."""
    if not telling:
        return "stopped", "Nobody is told of anything: that is switched off."
    if not rows:
        return "broken", "Nobody is told of anything: there is no channel yet."
    at_once = [one.channel for one in critical if one.on_call and not one.after_minutes]
    later = [one for one in critical if one.after_minutes and one.on_call]
    failing = [row.channel for row in rows if row.state[0] == "failing"]
    if not at_once:
        rest = f" {later[0].channel} would be after {later[0].after_minutes} min." if later else ""
        return "broken", f"Nobody would be told of a critical incident at once.{rest}"
    words = f"Of a critical incident {_names(at_once)} would be told at once" + (f", {later[0].channel} after {later[0].after_minutes} min." if later else ".")
    if failing:
        since = min(one.failing_since for one in failing if one.failing_since)
        return "limited", f"{_names(failing)} {'takes' if len(failing) == 1 else 'take'} nothing since {moment(since, at)}. {words}"
    return "good", words


def _names(channels: Sequence[Channel]) -> str:
    names = [one.name for one in channels]
    return listed(names if len(names) <= NAMED else [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"])
