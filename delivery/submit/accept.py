"""Accept: the checklist from a tenant's request to its answer. API and SMTP submission both come through here.

All or nothing: one bad message refuses the whole request, and nothing is stored. Promises: an Accepted is returned only after the
COMMIT; every refusal names its fields. Refusals are values or Refused; a database that fails raises, and nothing was accepted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from django.conf import settings

from delivery.queue.put import NewMessage, Placed, put
from delivery.queue.wake import wake
from delivery.submit import idempotency
from delivery.submit.admit import admit, refusal_of_tenant, size_allowed, stream_of
from delivery.submit.commit import committed, reading
from delivery.submit.compose import compose
from delivery.submit.facts import TenantFacts, facts_of, suppressions
from delivery.submit.idempotency import Answer, Clash, Token
from delivery.submit.parse import parse
from delivery.submit.store import Ready, over_cap, recipients_of, rows_of
from delivery.submit.submission import MAX_BATCH_RECIPIENTS, Submission
from mailplatform.shell.clock import now
from mailplatform.shell.ids import message_id
from mailplatform.shell.problems import Problem


class Why(Enum):
    """The kinds of refusal."""

    INVALID = "invalid"
    TENANT = "tenant"
    OVER_CAP = "over_cap"
    CLASH = "clash"


class Refused(Exception):
    """Nothing was stored, and this is why."""

    def __init__(self, why: Why, sentence: str = "", problems: Sequence[Problem] = (), clash: Clash | None = None) -> None:
        super().__init__(sentence)
        self.why, self.sentence, self.problems, self.clash = why, sentence, tuple(problems), clash


@dataclass(frozen=True, slots=True)
class Request:
    """What came: the messages as JSON values, from whom, and how they are to be named in problems and in the answer."""

    tenant_id: int
    submitted_by: str
    items: Sequence[object]
    place_of: Callable[[int], str]
    answer_of: Callable[[Sequence[NewMessage]], Any]
    token: Token | None = None
    at: datetime = field(default_factory=now)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer's body; `replayed` when it is the first one's again."""

    body: Any
    replayed: bool = False


def accept(request: Request) -> Accepted:
    """Parse, admit, compose, store, commit, wake."""
    facts = facts_of(request.tenant_id)
    if sentence := refusal_of_tenant(facts):
        raise Refused(Why.TENANT, sentence)
    if request.token and (known := _known(request.token)):
        return known
    ready = _composed(request, _admitted(request, _parsed(request), facts), facts)
    return _stored(request, ready, facts)


def _known(token: Token) -> Accepted | None:
    with reading() as cursor:
        return _replay(idempotency.earlier(cursor, token))


def _replay(found: Answer | Clash | None) -> Accepted | None:
    if isinstance(found, Clash):
        raise Refused(Why.CLASH, found.value, [Problem(idempotency.HEADER, found.value)], found)
    return Accepted(found.body, replayed=True) if found else None


def _parsed(request: Request) -> list[Submission]:
    submissions: list[Submission] = []
    problems: list[Problem] = []
    for number, item in enumerate(request.items):
        parsed = parse(item, request.at, settings.MAX_MESSAGE_BYTES)
        if isinstance(parsed, Submission):
            submissions.append(parsed)
        else:
            problems += _placed(request, number, parsed)
            if len(problems) > 100:
                break
    if problems:
        raise Refused(Why.INVALID, problems=problems[:100])
    if sum(len(submission.recipients) for submission in submissions) > MAX_BATCH_RECIPIENTS:
        raise Refused(Why.INVALID, problems=[Problem("messages", f"A batch has at most {MAX_BATCH_RECIPIENTS:,} recipients in all.")])
    return submissions


def _placed(request: Request, number: int, problems: Sequence[Problem]) -> list[Problem]:
    place = request.place_of(number)
    return [problem.within(place) if place else problem if problem.field else Problem("body", problem.problem) for problem in problems]


def _admitted(request: Request, submissions: list[Submission], facts: TenantFacts) -> list[Submission]:
    problems = [_placed(request, number, [no]) for number, submission in enumerate(submissions) if (no := admit(submission, facts))]
    if problems:
        raise Refused(Why.INVALID, problems=[each for some in problems for each in some])
    return submissions


def _composed(request: Request, submissions: list[Submission], facts: TenantFacts) -> list[Ready]:
    at_ms = int(request.at.timestamp() * 1000)
    ready = []
    for number, submission in enumerate(submissions):
        stream = stream_of(submission, facts)
        assert stream is not None  # admitted
        new_id = message_id(at_ms)
        composed = compose(submission, new_id, request.at)
        if no := size_allowed(len(composed.mime), settings.MAX_MESSAGE_BYTES):
            raise Refused(Why.INVALID, problems=_placed(request, number, [no]))
        ready.append(Ready(new_id, submission, composed, stream))
    return ready


def _stored(request: Request, ready: Sequence[Ready], facts: TenantFacts) -> Accepted:
    recipients = recipients_of(ready)
    with committed() as cursor:
        if request.token and (known := _replay(idempotency.take(cursor, request.token))):
            return known
        if over_cap(cursor, facts, len(recipients), request.at):
            raise Refused(Why.OVER_CAP, f"This tenant may send {facts.daily_cap:,} deliveries in 24 hours; this request goes beyond.")
        suppressed = suppressions(cursor, facts.id, recipients)
        messages = [rows_of(each, facts, suppressed, request.submitted_by, request.at) for each in ready]
        placed: Placed = put(cursor, messages)
        body = request.answer_of(messages)
        if request.token:
            idempotency.keep(cursor, request.token, Answer(202, body))
    if placed.lanes or placed.sorting:
        wake(placed.lanes, placed.sorting)
    return Accepted(body)
