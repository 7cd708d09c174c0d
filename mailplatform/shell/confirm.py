"""Confirm and undo: what a person does is confirmed in a sentence, and can be taken back for a while.

`{% confirm %}` draws the sentence and the button. An action that can be undone registers how (`undoer`) and offers it after it was done
(`offer_undo`): the page shows the bar, `POST undo/<id>` takes it back. The offer lives in the person's own session, works once, ends by itself,
and both the action and its undoing are audited.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest

from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now

UNDO_FOR_S = 30
_KEY = "undo"
Undo = Callable[..., str]
_undoers: dict[str, Undo] = {}


@dataclass(frozen=True, slots=True)
class Offer:
    """What the bar says."""

    id: str
    sentence: str
    seconds_left: int


def undoer(kind: str) -> Callable[[Undo], Undo]:
    """Register how an action is taken back: `f(request, **arguments)` gives the sentence that says what was undone."""

    def keep(function: Undo) -> Undo:
        _undoers[kind] = function
        return function

    return keep


def offer_undo(request: HttpRequest, kind: str, target: object, sentence: str, **arguments: Any) -> None:
    """Show the undo bar on the next page. `target` is what the audit log will name; the arguments, which must be JSON, go to the undoer."""
    if kind not in _undoers:
        raise LookupError(f"nobody registered how to undo '{kind}'")
    until = now() + timedelta(seconds=UNDO_FOR_S)
    request.session[_KEY] = {
        "id": secrets.token_urlsafe(12), "kind": kind, "target": str(target), "sentence": sentence, "arguments": arguments, "until": until.isoformat(),
    }  # fmt: skip


def withdraw_undo(request: HttpRequest, kind: str, target: object) -> None:
    """It was taken back another way: nothing is left to undo."""
    kept = request.session.get(_KEY)
    if kept and (kept["kind"], kept["target"]) == (kind, str(target)):
        del request.session[_KEY]


def open_offer(request: HttpRequest) -> Offer | None:
    """The offer that still stands, if any."""
    kept = request.session.get(_KEY)
    if not kept:
        return None
    left = (datetime.fromisoformat(kept["until"]) - now()).total_seconds()
    return Offer(kept["id"], kept["sentence"], int(left)) if left > 1 else None


def take_back(request: HttpRequest, offer_id: str) -> str | None:
    """Undo it, once; None when the offer is over."""
    offer = open_offer(request)
    if offer is None or not secrets.compare_digest(offer.id, offer_id):
        return None
    kept = request.session.pop(_KEY)
    sentence = _undoers[kept["kind"]](request, **kept["arguments"])
    record_request(request, f"{kept['kind']} undone", kept["target"], sentence, arguments=kept["arguments"])
    return sentence
