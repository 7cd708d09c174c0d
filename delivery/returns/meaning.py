"""Meaning: a bounce in the platform's words: reason, fault, and whether it is for good.

Owns nothing of its own but the order: the reported reply goes through the classifier as if the provider had said it after RCPT (delivery.classify);
where that says nothing, the words go through `phrases`. Promises: what is our infrastructure's fault is neither hard nor suppresses; what was only
temporary and given up is soft; what is not understood is soft and undetermined. Pure.
"""

from dataclasses import dataclass

from delivery.classify.classify import classify_transcript
from delivery.classify.rulebook import RuleBook
from delivery.returns.finding import Told
from delivery.returns.phrases import status_of_words
from delivery.smtp.replies import clean, reply_of
from delivery.smtp.wire import Phase, Reply, Transcript
from pools.outcomes import Fault, Outcome, Reason, Verdict

_SAYS_NOTHING = {Reason.UNDETERMINED, Reason.SOFT_UNKNOWN, Reason.HARD_OTHER_ADDRESS, Reason.PROTOCOL_ERROR}
# What a reporter's own status says less of than its words: "5.0.0", "5.3.0", "5.7.1".
_VAGUE = _SAYS_NOTHING | {Reason.EXPIRED, Reason.SOFT_SYSTEM, Reason.POLICY_OTHER, Reason.BLOCK_POLICY}
_OURS_TO_JUDGE = (Fault.RECIPIENT, Fault.MESSAGE)
_TEMPORARY = (Verdict.DEFERRED,)
_OK = Reply(250, "2.1.0", ("Ok",))


@dataclass(frozen=True, slots=True)
class Meaning:
    reason: Reason
    fault: Fault
    hard: bool  # it will never get there: the delivery bounced
    suppress: bool  # and nothing else will
    rule: str = ""


def meaning_of(told: Told, provider_key: str, rulebook: RuleBook) -> Meaning:
    """What a bounce of this recipient means."""
    permanent = _permanent(told)
    by_words = _by_words(told, provider_key, rulebook)
    if by_words is not None and told.code is None and not told.status:  # no reply is quoted: response rules are made for replies
        return _meaning(by_words, by_words.verdict not in _TEMPORARY)
    outcome = _classified(_code(told, permanent), told.status, told.text, provider_key, rulebook)
    if by_words is not None and _says_more(by_words, outcome):
        outcome, permanent = by_words, permanent and by_words.verdict not in _TEMPORARY
    return _meaning(outcome, permanent)


def _meaning(outcome: Outcome, permanent: bool) -> Meaning:
    hard = permanent and outcome.fault in _OURS_TO_JUDGE and not outcome.reason.startswith("soft.")
    return Meaning(outcome.reason, outcome.fault, hard, hard and outcome.verdict is Verdict.SUPPRESSED, outcome.rule or "")


def _by_words(told: Told, provider_key: str, rulebook: RuleBook) -> Outcome | None:
    status = status_of_words(told.text)
    return _classified(550 if status[0] == "5" else 450, status, "", provider_key, rulebook) if status else None


def _says_more(by_words: Outcome, outcome: Outcome) -> bool:
    if outcome.reason in _SAYS_NOTHING:
        return True
    return outcome.reason in _VAGUE and (by_words.fault in _OURS_TO_JUDGE or by_words.reason is Reason.EXPIRED)


def _permanent(told: Told) -> bool:
    """By the last server's code, else the status, else that it was returned at all."""
    if told.code is not None:
        return told.code >= 500
    return not told.status.startswith("4")


def _code(told: Told, permanent: bool) -> int:
    if told.code is not None and 400 <= told.code < 600:
        return told.code
    return 550 if permanent else 450


def _classified(code: int, status: str, text: str, provider_key: str, rulebook: RuleBook) -> Outcome:
    words = text.removeprefix(str(code)).lstrip(" -:;")
    if status and status not in words[:40] and status[0] == str(code)[0]:
        words = f"{status} {words}"
    reply = reply_of(code, [clean(words.encode("utf-8", "replace")).encode()])
    return classify_transcript(Transcript(_OK, reply, None, None, Phase.RCPT, None, False), provider_key, rulebook)
