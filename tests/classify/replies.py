"""Replies, transcripts and rule books as the tests need them."""

import re
from functools import cache
from typing import Any

from delivery.classify.rulebook import RuleBook
from delivery.smtp.wire import Failure, Phase, Reply, Transcript
from pools.providers import shipped

_REPLY = re.compile(r"(\d{3})[- ;]?\s*(?:([245]\.\d{1,3}\.\d{1,3})(?!\S))?\s*(.*)", re.DOTALL)
OK = Reply(250, "2.0.0", ("OK",))
GO_ON = Reply(354, None, ("End with .",))


@cache
def book() -> RuleBook:
    """The rule book as shipped."""
    return RuleBook.from_rows(shipped.rules())


def reply(text: str) -> Reply:
    """A reply as the wire gives it: code, enhanced code, the rest."""
    found = _REPLY.fullmatch(text)
    assert found, text
    return Reply(int(found[1]), found[2], (found[3],))


def said(text: str, phase: Phase = Phase.RCPT, **more: Any) -> Transcript:
    """A conversation that went well until `text` was said in `phase`."""
    answers: dict[str, Reply | None] = dict.fromkeys(("mail", "rcpt", "data", "final"))
    order = {Phase.MAIL: "mail", Phase.RCPT: "rcpt", Phase.DATA: "data", Phase.BODY: "final"}
    for step, name in order.items():
        answers[name] = reply(text) if step is phase else (GO_ON if name == "data" else OK)
        if step is phase:
            break
    return Transcript(answers["mail"], answers["rcpt"], answers["data"], answers["final"], phase, more.get("failure"), phase is Phase.BODY)


def broke(phase: Phase, failure: Failure, dot_written: bool = False) -> Transcript:
    """A conversation that went well until it broke in `phase`."""
    answered = {Phase.MAIL: 0, Phase.RCPT: 1, Phase.DATA: 2, Phase.BODY: 3}[phase]
    mail, rcpt, data = (reply if place < answered else None for place, reply in enumerate((OK, OK, GO_ON)))
    return Transcript(mail, rcpt, data, None, phase, failure, dot_written)
