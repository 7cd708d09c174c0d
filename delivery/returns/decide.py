"""Decide: what follows from a message that came back, given what is known of its delivery. Pure.

Checklist, the first refusal wins: it names a delivery; that is there, and ours to believe; it is not too old; it was sent. Then what it says decides.
"""

from datetime import datetime, timedelta

from delivery.classify.rulebook import RuleBook
from delivery.returns.arrived import Decided, Facts, Read
from delivery.returns.finding import Counted, Kind, Told
from delivery.returns.meaning import Meaning, meaning_of
from delivery.returns.words import sentence
from mailplatform.shell.ids import id_time_ms
from pools.outcomes import Fault

_SIMPLE = {
    Kind.DELAYED: Counted.DELAYED,
    Kind.RELAYED: Counted.RELAYED,
    Kind.COMPLAINT: Counted.COMPLAINT,
    Kind.REPORT: Counted.REPORT,
    Kind.AUTO_REPLY: Counted.AUTO_REPLY,
    Kind.CHALLENGE: Counted.AUTO_REPLY,
    Kind.UNKNOWN: Counted.UNKNOWN,
}
# Good news, and news of none, are counted and not kept: a delivery's story is not longer for them.
KEPT = {Counted.HARD_BOUNCE, Counted.SOFT_BOUNCE, Counted.OURS, Counted.COMPLAINT, Counted.AUTO_REPLY, Counted.UNKNOWN, Counted.REPORT}
_CAME_BACK = (Kind.BOUNCE, Kind.COMPLAINT)
WORDS = 500


def decide(read: Read, facts: Facts | None, rulebook: RuleBook, at: datetime, believed_for: timedelta) -> Decided:
    """What to do about it."""
    token, finding = read.token, read.finding
    if token is None:
        return Decided(Counted.NAMELESS)
    if facts is None:
        return Decided(Counted.NOT_THERE, token=token)
    told = finding.about(facts.recipient)
    another = _names_another(told, facts.recipient)
    if not token.signed and (facts.recipients > 1 or another):
        return Decided(Counted.NAMELESS, token=token)
    if at.timestamp() * 1000 - id_time_ms(facts.id) > believed_for.total_seconds() * 1000:
        return Decided(Counted.TOO_OLD, facts, token=token)
    kind = told.kind if finding.kind in (Kind.BOUNCE, Kind.DELAYED, Kind.RELAYED) else finding.kind
    if facts.path is None and not facts.is_claimed:  # no provider ever took it
        return Decided(Counted.NOT_THERE, facts, token=token)
    if facts.is_claimed and kind in _CAME_BACK:  # the answer to its dot is being recorded just now
        return Decided(Counted.NOT_THERE, facts, later=True)
    reporter = (finding.reporter or read.arrived.client)[:253]
    note = f"It speaks of {another}, not of {facts.recipient}: forwarded, or not meant for it." if another else ""
    if kind is not Kind.BOUNCE:
        what = _SIMPLE[kind]
        data = _data(what, told, None, reporter, note, finding.feedback)
        return Decided(what, facts, kind.value, told, None, token, reporter, note, data=data)
    meaning = meaning_of(told, facts.provider_key, rulebook)
    ours = meaning.fault is Fault.INFRASTRUCTURE
    what = Counted.OURS if ours else Counted.HARD_BOUNCE if meaning.hard else Counted.SOFT_BOUNCE
    return Decided(what, facts, kind.value, told, meaning, token, reporter, note, data=_data(what, told, meaning, reporter, note, ""))


def reply_of(told: Told) -> str:
    """The reported words as a delivery's reply: the code first."""
    code = str(told.code or "")
    words = told.text if told.text.startswith(code) else f"{code} {told.text}"
    return words.strip()[:WORDS]


def _names_another(told: Told, recipient: str) -> str:
    """Another address that the report speaks of, when it does not speak of ours at all."""
    named = [one for one in (told.original, told.recipient) if "@" in one]
    if not named or any(_same(one, recipient) for one in named):
        return ""
    return named[0][:320]


def _same(one: str, other: str) -> bool:
    return one.strip("<>").lower() == other.lower()


def _data(what: Counted, told: Told, meaning: Meaning | None, reporter: str, note: str, feedback: str) -> dict[str, object]:
    """The event's data: for the message page, the API and webhooks."""
    words, reason = reply_of(told), meaning.reason.value if meaning else ""
    suppresses = what is Counted.COMPLAINT or (meaning is not None and meaning.suppress)
    data: dict[str, object] = {"sentence": " ".join(filter(None, (sentence(what, reporter, words, reason, suppresses, feedback), note))), "reporter": reporter}
    if meaning is not None:
        data |= {"hard": meaning.hard, "reason": reason, "fault": meaning.fault.value, "status": told.status}
    if feedback:
        data["feedback_type"] = feedback
    if words:
        data["words"] = words
    return data
