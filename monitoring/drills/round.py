"""The drills' round: what the steward does for them every second.

Owns: the dates of `DrillPolicy`, notices of kind KIND. Promises: a date is used once, however many stewards see it (a unique row); outside the sandbox nothing
starts unless DRILLS_IN_LIVE and the schedule say so; a drill whose process died is ended here too. Never: starts one while another runs (it waits). How it
fails: without a steward nothing starts by itself, and what was started ends by itself.
"""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection

from mailplatform.shell.database.connect import connect
from mailplatform.shell.formats import duration
from mailplatform.shell.notices import clear_notice, raise_notice
from monitoring.drills import Refusal, allowed, restore, start, stopwatch
from monitoring.drills.calendar import Window, next_in, overdue_since
from monitoring.drills.kinds import KINDS
from monitoring.drills.models import Drill, DrillPolicy, DrillSchedule
from monitoring.steward import Act

EVERY_S = 1.0
KIND_OVERDUE, KIND_SOON, KIND_MISSED = "drill_overdue", "drill_soon", "drill_missed"
CLEARS_EVERY = timedelta(minutes=1)
TELLS_EVERY = timedelta(seconds=10)  # dates are days away; what a run came to is told as soon as it has ended
RETRIES_AFTER = timedelta(days=1)
PAGE = "/drills/"


def begin() -> Act:
    """The steward calls it anew whenever another one acts."""
    ran, told_at, cleared_at = 0, datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)

    def step(at: datetime) -> None:
        nonlocal ran, told_at, cleared_at
        before, ran = ran, _go_on(at)
        if ran < before or at - told_at >= TELLS_EVERY:
            told_at = at
            _tell_of_all(at)
        if at - cleared_at > CLEARS_EVERY:
            cleared_at = at
            with connect(settings.DATABASE_URL) as plain:
                restore.clear_away(plain)

    return step


def act(at: datetime) -> None:
    """One look, with all that follows."""
    _go_on(at)
    _tell_of_all(at)


def _go_on(at: datetime) -> int:
    """End what is over, start what is due; how many run."""
    with connection.cursor() as cursor:
        running = stopwatch.settle(cursor)
    schedule = schedule_row()
    for policy in policies():
        _plan(policy, schedule, at)
        if not running and is_on(schedule) and policy.planned and policy.next_at and policy.next_at <= at and _window(schedule).holds(at):
            running += _start(policy, schedule, at)
    return running


def _tell_of_all(at: datetime) -> None:
    schedule = schedule_row()
    for policy in policies():
        _tell(policy, schedule, at)


def is_on(schedule: DrillSchedule) -> bool:
    """Whether anything may start by itself here."""
    return schedule.on and allowed() and (settings.MAIL_MODE == "sandbox" or schedule.in_live)


def schedule_row() -> DrillSchedule:
    return DrillSchedule.objects.get_or_create(pk=1)[0]


def policies() -> list[DrillPolicy]:
    """One a kind, made with what is shipped when it is missing."""
    there = {policy.kind: policy for policy in DrillPolicy.objects.all()}
    for key, kind in KINDS.items():
        if key not in there:
            there[key] = DrillPolicy.objects.get_or_create(kind=key, defaults={"planned": kind.planned, **asdict(kind.asked)})[0]
    return [there[key] for key in KINDS]


def moved_on(policy: DrillPolicy, schedule: DrillSchedule, since: datetime) -> datetime:
    """The date after one that was used."""
    return next_in(_window(schedule), since + timedelta(days=policy.every_days))


def _window(schedule: DrillSchedule) -> Window:
    return Window(tuple(schedule.weekdays), schedule.from_hour, schedule.until_hour)


def _plan(policy: DrillPolicy, schedule: DrillSchedule, at: datetime) -> None:
    """A kind without a date gets one, counted from when it was last rehearsed."""
    if policy.next_at is not None or not policy.planned:
        return
    last = Drill.objects.filter(kind=policy.kind, state=Drill.State.DONE).order_by("-started_at").values_list("started_at", flat=True).first()
    _date(policy, moved_on(policy, schedule, last or at))


def _start(policy: DrillPolicy, schedule: DrillSchedule, at: datetime) -> int:
    planned_for = policy.next_at
    started = start.start(policy.kind, "schedule", planned_for=planned_for)
    if isinstance(started, Refusal):  # tried again the next day; overdue is told when that goes on
        _date(policy, next_in(_window(schedule), at + RETRIES_AFTER), planned_for)
        return 0
    _date(policy, moved_on(policy, schedule, at), planned_for)
    return 1


def _date(policy: DrillPolicy, next_at: datetime, was: datetime | None = None) -> None:
    """Only from what was seen: an operator's own date, set meanwhile, stands."""
    if DrillPolicy.objects.filter(pk=policy.pk, next_at=was).update(next_at=next_at):
        policy.next_at = next_at


def _tell(policy: DrillPolicy, schedule: DrillSchedule, at: datetime) -> None:
    """Reminder, overdue and missed: raised once, cleared when they do not hold any more."""
    name, due = policy.get_kind_display(), due_since(policy, schedule)
    late = overdue_since(due, schedule.overdue_days, at) if policy.planned and due else None
    if late:
        sentence = f"The drill “{name}” is overdue by {duration(late.total_seconds())}: nobody has rehearsed it since it was due."
        raise_notice(KIND_OVERDUE, name, "warning", sentence, {"due": due}, link=PAGE)
    else:
        clear_notice(KIND_OVERDUE, name)
    soon = is_on(schedule) and policy.planned and policy.next_at and timedelta(0) < policy.next_at - at <= timedelta(hours=schedule.remind_hours)
    if soon and policy.next_at and policy.reminded_for != policy.next_at:
        sentence = f"The drill “{name}” starts by itself on {policy.next_at:%Y-%m-%d at %H:%M} UTC. It can be left out on the page Drills."
        raise_notice(KIND_SOON, name, "info", sentence, {}, link=PAGE, expires_at=policy.next_at)
        DrillPolicy.objects.filter(pk=policy.pk).update(reminded_for=policy.next_at)
    last = last_judged(policy.kind)
    if last is not None and last.verdict == Drill.Verdict.MISSED:
        missed = ", ".join(line["name"].lower() for line in last.objectives if not line["met"]) or "it did not come to its end"
        raise_notice(KIND_MISSED, name, "warning", f"The last drill “{name}” missed its objective: {missed}.", {"drill": last.pk}, link=f"{PAGE}{last.pk}/")
    else:
        clear_notice(KIND_MISSED, name)


def due_since(policy: DrillPolicy, schedule: DrillSchedule) -> datetime | None:
    """When it should have been rehearsed: by its interval since it last came to its end; never rehearsed: its first date."""
    done = Drill.objects.filter(kind=policy.kind, state__in=(Drill.State.DONE, Drill.State.SKIPPED)).order_by("-started_at")
    last = done.values_list("started_at", flat=True).first()
    if last is not None:
        return moved_on(policy, schedule, last)
    first = Drill.objects.filter(kind=policy.kind, planned_for__isnull=False).order_by("planned_for").values_list("planned_for", flat=True).first()
    return first or policy.next_at


def last_judged(kind: str) -> Drill | None:
    return Drill.objects.filter(kind=kind).exclude(verdict="").order_by("-id").first()
