"""Send: hands due rows to channels and writes down what was answered.

Promises: a row is taken by one UPDATE and is due again when its lease ends, so whoever dies between sending and writing down lets it be told twice
rather than never; one message a channel at a time in threads of their own, so a slow channel holds nobody back; failures wait longer each time and are given up
after some four hours. Never: waits for an answer; more than a channel's rate, but for ends, tests and the word that some were held back.
"""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

from django.db import transaction

from mailplatform.shell.clock import now
from mailplatform.shell.models import Severity
from monitoring.alerts.models import IncidentEntry
from monitoring.telling.message import Act, Message, NotTold
from monitoring.telling.models import OPENINGS, Channel, Telling
from monitoring.telling.rows import mail_route, remembered
from monitoring.telling.senders import tell

log = logging.getLogger(__name__)

AGAIN_AFTER_S = (30, 60, 120, 300, 600, 1200, 1800, 3600, 3600, 3600)
LEASE_S = 90.0  # longer than any sender takes
THREADS = 8
HELD_BACK = "over the channel's rate"


class Send:
    """One for a process. `step` each second; `end` waits for what is on its way."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tell")
        self._flying: dict[int, tuple[Telling, Future[str]]] = {}  # by channel

    def step(self, at: datetime) -> None:
        self.written()
        due = Telling.objects.filter(state=Telling.State.WAITING, due_at__lte=at, channel__enabled=True).exclude(channel__in=self._flying)
        route = None
        for row in due.select_related("channel", "incident").order_by("due_at", "id")[:200]:
            if row.channel_id in self._flying or len(self._flying) >= THREADS or _is_stale(row) or self._held_back(row, at):
                continue
            if _take(row, at):
                route = route or mail_route()
                self._flying[row.channel_id] = row, self._threads.submit(tell, message_of(row), remembered(row.channel), route)

    def written(self) -> None:
        """What was answered since."""
        for channel_id, (row, future) in list(self._flying.items()):
            if future.done():
                record(row, *_came_of(future))
                del self._flying[channel_id]

    def end(self) -> None:
        """What was begun is sent and written down: its rows are claimed already."""
        self._threads.shutdown(wait=True, cancel_futures=False)
        self.written()

    @staticmethod
    def _held_back(row: Telling, at: datetime) -> bool:
        if row.kind not in OPENINGS or row.incident_id is None or row.tries:
            return False
        told = Telling.objects.filter(channel=row.channel, kind__in=OPENINGS, state=Telling.State.TOLD, told_at__gt=at - timedelta(hours=1))
        if told.count() < row.channel.per_hour:
            return False
        _drop_and_say(row, at)
        return True


def _is_stale(row: Telling) -> bool:
    """Its incident was acknowledged or ended meanwhile: the next planning drops it."""
    if row.incident is None:
        return False
    return (row.kind in OPENINGS and row.incident.state != "open") or (row.kind == Telling.Kind.ACKNOWLEDGED and row.incident.state == "resolved")


def message_of(row: Telling) -> Message:
    thread = f"incident:{row.incident_id}" if row.incident_id else row.key
    severity = Severity(row.incident.severity).label if row.incident else "info"
    return Message(row.key, Act(row.kind), thread, row.subject, row.text, severity, row.facts)


def _take(row: Telling, at: datetime) -> bool:
    """Whether it is this process's to send."""
    mine = Telling.objects.filter(pk=row.pk, state=Telling.State.WAITING, due_at=row.due_at, tries=row.tries)
    row.tries += 1
    return bool(mine.update(due_at=at + timedelta(seconds=LEASE_S), tries=row.tries))


def _came_of(future: "Future[str]") -> tuple[str, NotTold | None]:
    try:
        return future.result(), None
    except NotTold as no:
        if no.__cause__:
            log.error("A notification failed by our own mistake", exc_info=no.__cause__)
        return str(no), no


def record(row: Telling, answer: str, failure: NotTold | None) -> None:
    """The row, the channel's state and the incident's timeline, in one transaction."""
    at = now()
    over = failure is not None and (failure.final or row.tries > len(AGAIN_AFTER_S) or row.kind == Telling.Kind.TEST)
    state = Telling.State.TOLD if failure is None else Telling.State.FAILED if over else Telling.State.WAITING
    with transaction.atomic():
        changed = {"state": state, "answer": answer[:2000], "told_at": at if failure is None else None}
        if state == Telling.State.WAITING:
            changed["due_at"] = at + timedelta(seconds=AGAIN_AFTER_S[row.tries - 1])
        Telling.objects.filter(pk=row.pk, tries=row.tries).exclude(state=Telling.State.TOLD).update(**changed)
        channel = Channel.objects.filter(pk=row.channel_id)
        if failure is None:
            channel.update(failing_since=None, last_told_at=at, last_problem="")
        else:
            channel.update(last_problem=answer[:2000])
            channel.filter(failing_since=None).update(failing_since=at)
        if failure is None or over:
            _entry(row, at, answer, failure is None)
    for name, value in changed.items():
        setattr(row, name, value)


def _entry(row: Telling, at: datetime, answer: str, told: bool) -> None:
    if row.incident is None:
        return
    kind = IncidentEntry.Kind
    words = {
        "opened": "Told", "escalated": "Told, for nobody had acknowledged,", "acknowledged": "Told the acknowledgement to", "resolved": "Told the end to",
    }[row.kind]  # fmt: skip
    sentence = f"{words} {row.channel.name}: {answer}." if told else f"{row.channel.name} could not be told: {answer}."
    which = (kind.ESCALATED if row.kind == Telling.Kind.ESCALATED else kind.TOLD) if told else kind.NOT_TOLD
    IncidentEntry.objects.create(incident=row.incident, at=at, kind=which, sentence=sentence, detail={"telling": row.pk})


def _drop_and_say(row: Telling, at: datetime) -> None:
    """One word an hour says how many were held back; it goes when the hour is over."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    with transaction.atomic():
        if not Telling.objects.filter(pk=row.pk, state=Telling.State.WAITING).update(state=Telling.State.DROPPED, answer=HELD_BACK):
            return
        key = f"held:{row.channel_id}:{hour:%Y%m%d%H}"
        said = {"channel": row.channel, "kind": Telling.Kind.OPENED, "created_at": at, "due_at": hour + timedelta(hours=1), "subject": "", "text": ""}
        Telling.objects.get_or_create(key=key, defaults=said)
        held = Telling.objects.filter(channel=row.channel, state=Telling.State.DROPPED, answer=HELD_BACK, created_at__gte=hour).count()
        subject = f"{held} more {'was' if held == 1 else 'were'} held back"
        text = f"{subject}: this channel is told of at most {row.channel.per_hour} incidents an hour. The console shows all of them."
        Telling.objects.filter(key=key, state=Telling.State.WAITING).update(subject=subject, text=text)
        if row.incident is None:
            return
        sentence = f"{row.channel.name} was not told: {HELD_BACK}, {row.channel.per_hour} an hour."
        IncidentEntry.objects.create(incident=row.incident, at=at, kind=IncidentEntry.Kind.NOT_TOLD, sentence=sentence, detail={"telling": row.pk})
