"""Accept: the checklist from a tenant's request to its answer. The API asks for all of it at once; SMTP submission prepares and stores in groups.

All or nothing: one bad message refuses the whole request, and nothing is stored. Promises: an Accepted is returned only after the
COMMIT; every refusal names its fields. Refusals are values or Refused; a database that fails raises, and nothing was accepted.
"""

from collections.abc import Sequence

from django.conf import settings

from delivery.submit import idempotency
from delivery.submit.admit import admit, refusal_of_tenant, size_allowed, stream_of
from delivery.submit.commit import committed, reading
from delivery.submit.compose import compose
from delivery.submit.facts import TenantFacts, facts_of
from delivery.submit.idempotency import Answer, Token
from delivery.submit.parse import parse
from delivery.submit.request import Accepted, Prepared, Refused, Request, Why
from delivery.submit.store import Ready, recipients_of
from delivery.submit.submission import MAX_BATCH_RECIPIENTS, Submission
from delivery.submit.together import Outcome, replayed, stored
from mailplatform.shell.ids import message_id
from mailplatform.shell.problems import Problem


def accept(request: Request) -> Accepted:
    """Parse, admit, compose, store, commit, wake."""
    facts = _may_send(request)
    if request.token and (known := _known(request.token)):
        return _or_raise(known)
    return _or_raise(stored([_prepared(request, facts)], waits=True)[0])


def prepare(request: Request) -> Prepared:
    """All that comes before the transaction: parse, admit, compose. Raises Refused."""
    return _prepared(request, _may_send(request))


def _may_send(request: Request) -> TenantFacts:
    facts = facts_of(request.tenant_id)
    if sentence := refusal_of_tenant(facts):
        raise Refused(Why.TENANT, sentence)
    return facts


def _prepared(request: Request, facts: TenantFacts) -> Prepared:
    ready = _composed(request, _admitted(request, _parsed(request), facts), facts)
    return Prepared(request, ready, facts, recipients_of(ready))


def _known(token: Token) -> Outcome | None:
    with reading() as cursor:
        found = idempotency.earlier(cursor, [token])[0]
    if isinstance(found, Answer):
        with committed() as cursor:
            idempotency.confirm(cursor, [token])
    return replayed(found) if found else None


def _or_raise(outcome: Outcome) -> Accepted:
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


def _parsed(request: Request) -> list[Submission]:
    submissions: list[Submission] = []
    problems: list[Problem] = []
    for number, item in enumerate(request.items):
        parsed = item if isinstance(item, Submission) else parse(item, request.at, settings.MAX_MESSAGE_BYTES)
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
