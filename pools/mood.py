"""Mood: how a provider answers one path just now: how often it refuses for our sake, and how long it takes.

Owns: `Mood`, its JSON in Path.mood, and the question whose mood it is: when every path to a provider that was tried lately hears the same,
it is the provider's and no path is worse than another for it. Promises: total, a few float operations an answer; what was heard counts half
after HALF_LIFE_S without news, so that a path which is not chosen is tried again. Times are seconds of one clock of the caller's.
Never: closes a path (response rules and the circuit do).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pools.outcomes import Fault, Reason, Verdict

HALF_LIFE_S = 60.0
ANSWER_HALF_LIFE_S = 20.0  # a slow path is tried again sooner: one delivery pays for knowing
WEIGHT = 0.15  # of one answer among the last ones
TIME_WEIGHT = 0.25
FIRST_ANSWER_S, FIRST_CONNECT_S = 0.1, 0.1  # what an unknown path is thought to take
FEWEST_SEEN = 3.0  # answers before a path's word counts
ENOUGH_IPS = 3
PROVIDERS_AT = 0.3  # so much refused on every path is told as the provider's mood
# Said of one mailbox, one sender or the DNS, not of the path.
_NOT_ABOUT_US = {
    Reason.SOFT_GREYLIST, Reason.SOFT_MAILBOX_FULL, Reason.SOFT_INVALID_MAILBOX, Reason.RATE_RECIPIENT, Reason.RATE_DOMAIN, Reason.RATE_SENDER,
    Reason.NETWORK_DNS, Reason.LOCAL_ERROR, Reason.LOCAL_REFUSED_ADDRESS,
}  # fmt: skip
_FAULTS = (Fault.INFRASTRUCTURE, Fault.DESTINATION)


@dataclass(slots=True)
class Mood:
    """`refused` is the share of the last answers that refused for our or the provider's sake, `reason` the last such."""

    refused: float = 0.0
    reason: str = ""
    seen: float = 0.0
    at_s: float = float("-inf")
    answer_s: float = FIRST_ANSWER_S
    connect_s: float = FIRST_CONNECT_S
    answered_at_s: float = float("-inf")
    connected_at_s: float = float("-inf")

    def heard(self, reason: str, now_s: float) -> None:
        """One attempt ended; `reason` is empty when it says nothing against the path."""
        self._fade(now_s)
        self.seen += 1.0
        self.refused += WEIGHT * ((1.0 if reason else 0.0) - self.refused)
        if reason:
            self.reason = reason

    def timed(self, timings_ms: Mapping[str, int], now_s: float) -> None:
        """An attempt's milliseconds by phase: `connect` is until there was a session, or none; the rest from MAIL to the answer."""
        connect_ms, all_ms = timings_ms.get("connect"), sum(timings_ms.values())
        if connect_ms is not None:
            failed = len(timings_ms) == 1
            before_s, took_s = self.connect_now_s(now_s), connect_ms / 1000
            self.connect_s = max(before_s, took_s) if failed else before_s + TIME_WEIGHT * (took_s - before_s)
            self.connected_at_s = now_s
            if failed:  # whoever hung once is expected to hang as long again
                return
            all_ms -= connect_ms
        self.answer_s = (answer_s := self.answer_now_s(now_s)) + TIME_WEIGHT * (all_ms / 1000 - answer_s)
        self.answered_at_s = now_s

    def refused_now(self, now_s: float) -> float:
        """The share, as far as it still counts."""
        return self.refused * _half(now_s - self.at_s, HALF_LIFE_S)

    def seen_now(self, now_s: float) -> float:
        """How many answers the share rests on, old ones counted less."""
        return self.seen * _half(now_s - self.at_s, HALF_LIFE_S)

    def answer_now_s(self, now_s: float) -> float:
        """What a conversation is thought to take; what is long ago tends to what an unknown path is thought to take."""
        old_s = now_s - self.answered_at_s
        if old_s < 1.0:
            return self.answer_s
        return FIRST_ANSWER_S + (self.answer_s - FIRST_ANSWER_S) * _half(old_s, ANSWER_HALF_LIFE_S)

    def connect_now_s(self, now_s: float) -> float:
        """What a new session is thought to take; forgotten as answers are."""
        old_s = now_s - self.connected_at_s
        if old_s < 1.0:
            return self.connect_s
        return FIRST_CONNECT_S + (self.connect_s - FIRST_CONNECT_S) * _half(old_s, ANSWER_HALF_LIFE_S)

    def forgive(self) -> None:
        """What was heard was not about this path after all (a campaign's content)."""
        self.refused, self.reason = 0.0, ""

    def _fade(self, now_s: float) -> None:
        if now_s - self.at_s > 1.0:
            half = _half(now_s - self.at_s, HALF_LIFE_S)
            self.refused, self.seen = self.refused * half, self.seen * half
            self.at_s = now_s


@dataclass(frozen=True, slots=True)
class Heard:
    """One path's word, as it is compared with others'."""

    refused: float
    seen: float
    reason: str


@dataclass(frozen=True, slots=True)
class ProviderMood:
    """What every path to a provider hears alike. `reason` is empty while they do not."""

    refused: float = 0.0
    reason: str = ""


AS_USUAL = ProviderMood()


def against_us(verdict: str, reason: str, fault: str) -> str:
    """The reason, when an outcome says something about the path or the provider; else nothing."""
    if verdict == Verdict.DELIVERED or fault not in _FAULTS or reason in _NOT_ABOUT_US:
        return ""
    return reason


def provider_mood(words: Iterable[Heard], ips: int) -> ProviderMood:
    """What all paths share: the least that any of them hears. `ips` may send there: three of them have to agree, or all where there are fewer.

    One alone cannot tell, and two that are refused say nothing of six that were not tried.

    A block is never the provider's mood: it names what it blocks, and another address may pass.
    """
    told = [word for word in words if word.seen >= FEWEST_SEEN]
    if len(told) < max(2, min(ENOUGH_IPS, ips)):
        return AS_USUAL
    least = min(told, key=_refused)
    families = {word.reason.partition(".")[0] for word in told}
    if least.refused < PROVIDERS_AT or len(families) > 1 or "block" in families:
        return AS_USUAL
    return ProviderMood(least.refused, least.reason)


def mood_words(data: object) -> str:
    """A path's stored mood in words for people; empty when there is nothing to say."""
    if not isinstance(data, Mapping):
        return ""
    refused, reason, answer_s = _number(data.get("refused")), str(data.get("reason") or ""), _number(data.get("answer_s"))
    words = [f"{refused:.0%} of the last answers refused ({reason})"] if refused >= 0.05 and reason else []
    if words and data.get("provider"):
        words.append("every sending IP hears the same: it is the provider")
    if answer_s >= 1.0:
        words.append(f"answers after {answer_s:.1f} s")
    return ", ".join(words)


def to_json(mood: Mood, provider: ProviderMood, now_s: float, wall_s: float) -> dict[str, Any]:
    """For Path.mood; an empty object for a mood that is as usual."""
    refused, answer_s = mood.refused_now(now_s), mood.answer_now_s(now_s)
    if refused < 0.05 and abs(answer_s - FIRST_ANSWER_S) < FIRST_ANSWER_S:
        return {}
    data: dict[str, Any] = {"refused": round(refused, 3), "reason": mood.reason, "seen": round(mood.seen_now(now_s), 1)}
    data |= {"answer_s": round(answer_s, 3), "at_s": round(wall_s, 1)}
    return {**data, "provider": True} if provider.reason else data


def from_json(data: object, now_s: float, wall_s: float) -> Mood:
    """A former owner's; total, whatever the column holds."""
    if not isinstance(data, Mapping) or not data:
        return Mood()
    then_s = now_s - max(0.0, wall_s - _number(data.get("at_s")))
    refused, seen, answer_s = (_number(data.get(name)) for name in ("refused", "seen", "answer_s"))
    return Mood(min(1.0, refused), str(data.get("reason") or "")[:60], seen, then_s, answer_s or FIRST_ANSWER_S, answered_at_s=then_s)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0 else 0.0


def _refused(word: Heard) -> float:
    return word.refused


def _half(old_s: float, half_life_s: float) -> float:
    return 0.5 ** (old_s / half_life_s) if old_s > 0 else 1.0
