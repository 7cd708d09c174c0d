"""Send: POST /messages and /messages/batch.

Promises: 202 only after the commit; every refusal names the field or header; all or nothing for a batch.
"""

from collections.abc import Callable, Sequence
from typing import Any

from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response

from delivery.api import schema
from delivery.queue.put import NewDelivery, NewMessage
from delivery.submit import idempotency
from delivery.submit.accept import accept
from delivery.submit.commit import NotCertain
from delivery.submit.idempotency import Clash, Token
from delivery.submit.request import Accepted, Refused, Request, Why
from delivery.submit.store import state_of
from delivery.submit.submission import MAX_BATCH
from mailplatform.shell.database.away import is_away
from mailplatform.shell.database.patience import Patience
from mailplatform.shell.problems import Problem
from mailplatform.shell.rest import ApiProblem, invalid, of_status, unavailable
from mailplatform.tenants.access import TenantView
from mailplatform.tenants.keys import Scope

CAP_RETRY_AFTER_S = 3600
AnswerOf = Callable[[Sequence[NewMessage]], Any]


def answer(message: NewMessage) -> dict[str, Any]:
    """What is said of one accepted message."""
    return {"id": str(message.id), "deliveries": [_accepted(message, each) for each in message.deliveries]}


def _accepted(message: NewMessage, each: NewDelivery) -> dict[str, Any]:
    told = {"id": str(each.id), "to": each.recipient, "state": state_of(message, each)}
    return {**told, "reason": each.reason} if each.final else told


class Submit(TenantView):
    """What both ways of sending share."""

    scope = Scope.SEND
    _patience: Patience

    def initial(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """The key is looked up; while the database is switched that waits as the message does."""
        self._patience = Patience()
        if request.method == "POST":
            self._patience.done(lambda: super(Submit, self).initial(request, *args, **kwargs))
        else:
            super().initial(request, *args, **kwargs)

    def submit(self, request: HttpRequest, items: Sequence[object], place_of: Callable[[int], str], answer_of: AnswerOf) -> Response:
        wanted = Request(self.tenant_id, self.key.prefix, items, place_of, answer_of, token=self._token(request))
        try:
            accepted: Accepted = self._patience.done(lambda: accept(wanted), again=lambda error: _may_be_repeated(error, wanted))
        except Refused as no:
            raise _problem(no) from None
        except NotCertain:
            raise unavailable("The database could not confirm the commit on every copy. The message may be sent again; take an Idempotency-Key.") from None
        return Response(accepted.body, 202, headers={"Idempotency-Replayed": "true"} if accepted.replayed else None)

    def _token(self, request: HttpRequest) -> Token | None:
        key = request.META.get("HTTP_IDEMPOTENCY_KEY")
        if key is None:
            return None
        if not idempotency.is_valid(key):
            raise invalid([Problem(idempotency.HEADER, "It has 1 to 255 printable ASCII characters.")], status=400)
        return idempotency.token_of(self.tenant_id, key, f"{request.method} {request.path}", request._request.raw_json)  # type: ignore[attr-defined]


def _may_be_repeated(error: Exception, wanted: Request) -> bool:
    """What was certainly not stored; what may have been, only under its key, which tells."""
    return wanted.token is not None if isinstance(error, NotCertain) else is_away(error)


def _problem(no: Refused) -> ApiProblem:
    match no.why:
        case Why.INVALID:
            return invalid(no.problems)
        case Why.TENANT:
            return of_status(403, no.sentence)
        case Why.OVER_CAP:
            return of_status(429, no.sentence, {"Retry-After": str(no.retry_after_s or CAP_RETRY_AFTER_S)})
        case Why.CLASH if no.clash is Clash.IN_USE:
            return ApiProblem(409, "idempotency-key-in-use", "The Idempotency-Key is in use.", no.sentence, no.problems, {"Retry-After": "1"})
        case _:
            return ApiProblem(422, "idempotency-key-reused", "The Idempotency-Key belongs to another request.", no.sentence, no.problems)


class Messages(Submit):
    """POST: one message."""

    @schema.SEND
    def post(self, request: HttpRequest) -> Response:
        return self.submit(request, [self.json], lambda number: "", lambda messages: answer(messages[0]))


class Batch(Submit):
    """POST: up to 1,000 messages, all or none."""

    @schema.SEND_BATCH
    def post(self, request: HttpRequest) -> Response:
        items = _items(self.json)
        return self.submit(request, items, lambda number: f"messages[{number}]", lambda messages: {"messages": [answer(each) for each in messages]})


def _items(data: object) -> list[object]:
    if not isinstance(data, dict):
        raise invalid([Problem("body", "A batch is a JSON object with the field messages.")])
    if unknown := [Problem(name[:80], "There is no such field.") for name in data if name != "messages"]:
        raise invalid(unknown[:100])
    items = data.get("messages")
    if not isinstance(items, list) or not items:
        raise invalid([Problem("messages", "It is a list of at least one message.")])
    if len(items) > MAX_BATCH:
        raise invalid([Problem("messages", f"A batch has at most {MAX_BATCH:,} messages, not {len(items):,}.")])
    return items
