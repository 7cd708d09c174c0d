"""What a block list's answer means: listed, not listed, or nothing that could be believed.

Pure. Promises: only addresses in 127.0.0.0/8 and outside 127.255.255.0/24 are ever a listing (RFC 5782 §2.1; Spamhaus answers refused questions with
127.255.255.x); a code that nobody described never takes an IP out; no listing weighs more than its list may.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mailplatform.shell.ask import Answer
from pools.listings.models import Weight
from pools.listings.zones import ZoneFacts

_CODES = ipaddress.ip_network("127.0.0.0/8")
_ERRORS = ipaddress.ip_network("127.255.255.0/24")
_ORDER = (Weight.INFO, Weight.WARNING, Weight.CRITICAL)
NO_LISTING = "none"  # a code for what is well known, not for what is bad
MOST_CODES = 8


class Word(StrEnum):
    LISTED = "listed"
    CLEAR = "clear"
    REFUSED = "refused"  # an answer that says that we may not ask, or that no list gives
    NOTHING = "nothing"  # no answer


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer. `means`, `weight` of a listing; `why` of an answer that is none."""

    word: Word
    codes: tuple[str, ...] = ()
    means: str = ""
    weight: str = Weight.INFO
    why: str = ""


def read(answer: Answer, zone: ZoneFacts) -> Verdict:
    """What the A records of one question say."""
    if answer.failed:
        return Verdict(Word.NOTHING, why=answer.why)
    if not answer.rows:
        return Verdict(Word.CLEAR)
    for code in answer.rows:
        if problem := _problem(code, zone):
            return Verdict(Word.REFUSED, (code,), why=problem)
    codes = tuple(sorted(set(answer.rows), key=ipaddress.ip_address))[:MOST_CODES]
    told = [(code, *_meaning(code, zone)) for code in codes]
    bad = [one for one in told if one[2] != NO_LISTING]
    if not bad:
        return Verdict(Word.CLEAR, codes, "; ".join(means for _, means, _ in told))
    weight = least(heaviest(weight for *_, weight in bad), zone.weight)
    return Verdict(Word.LISTED, tuple(code for code, *_ in bad), "; ".join(means for _, means, _ in bad), weight)


def _problem(code: str, zone: ZoneFacts) -> str:
    if code in zone.errors:
        return f"it answers {code}: {zone.errors[code]}"
    try:
        address = ipaddress.ip_address(code)
    except ValueError:
        return "it answers what is no address"
    if address in _ERRORS:
        return f"it answers {code}, an error code"
    if address not in _CODES:
        return f"it answers {code}, as no list does: its name leads to a web page now, or our resolver rewrites answers"
    return ""


def _meaning(code: str, zone: ZoneFacts) -> tuple[str, str]:
    known = zone.meanings.get(code)
    if known:
        return known.get("means", code), known.get("weight", zone.weight)
    if not zone.meanings:
        return f"listed, code {code}", zone.weight
    return f"listed, with the code {code}, which we know nothing of", Weight.WARNING


def heaviest(weights: Iterable[str]) -> str:
    return max(weights, key=_rank, default=Weight.INFO)


def least(one: str, other: str) -> str:
    return min(one, other, key=_rank)


def _rank(weight: str) -> int:
    return _ORDER.index(Weight(weight)) if weight in _ORDER else 0
