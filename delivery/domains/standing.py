"""What follows from a look, as values: how a finding changes what is kept, when to look again, when somebody is told. Pure.

What could not be asked changes nothing that was known. Wrong counts when it was wrong twice, half an hour apart at least. Ownership that is lost
ends a verification only after GRACE (a setting), in which there are warnings; mail goes on until then: a name server that somebody moves, a record
that a clean-up took along must stop nobody's mail, and a domain that was sold must not be sent from for ever.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.domains.finding import Answer, Finding

CONFIRMED_AFTER = timedelta(minutes=30)
CONFIRMED_TIMES = 2
KNOWN_FOR = timedelta(days=3)  # how long what was known before stands in for what cannot be asked
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the last look left: `answer` may be unknown, `known` is the last that was not; `right_at`: when it was last right."""

    answer: Answer
    known: Answer | None
    since: datetime
    known_at: datetime | None
    right_at: datetime | None
    wrong_times: int

    @property
    def is_confirmed_wrong(self) -> bool:
        """Wrong often and long enough to act upon, and right at some time before."""
        lasted = self.known_at is not None and self.known_at - self.since >= CONFIRMED_AFTER
        return self.known is Answer.WRONG and self.wrong_times >= CONFIRMED_TIMES and lasted

    def stands(self, at: datetime) -> Answer:
        if self.answer is Answer.UNKNOWN and self.known is not None and self.known_at is not None and at - self.known_at <= KNOWN_FOR:
            return self.known
        return self.answer


def follow(before: Kept | None, found: Answer, at: datetime) -> Kept:
    """What is kept after this look."""
    if found is Answer.UNKNOWN:
        if before is None:
            return Kept(found, None, at, None, None, 0)
        return Kept(found, before.known, before.since, before.known_at, before.right_at, before.wrong_times)
    same = before is not None and before.known is found
    since = before.since if before is not None and same else at
    right_at = at if found is Answer.RIGHT else before.right_at if before else None
    times = (before.wrong_times if before is not None and same else 0) + 1 if found is Answer.WRONG else 0
    return Kept(found, found, since, at, right_at, times)


def next_look(
    findings: Sequence[Finding], is_verified: bool, keys_wait: bool, created_at: datetime, worst_since: datetime | None, at: datetime, seed: int
) -> datetime:
    """Hourly where somebody is at work on it, daily where all is right, sooner after a wrong; never all domains at once."""
    answers = {one.answer for one in findings if one.kind != "from_spf"}
    if Answer.UNKNOWN in answers:
        wait = timedelta(minutes=30)
    elif not is_verified or keys_wait:
        age = at - created_at
        wait = HOUR if age < 7 * DAY or keys_wait else 6 * HOUR if age < 30 * DAY else DAY
    elif Answer.WRONG in answers:
        wait = HOUR if worst_since is None or at - worst_since < DAY else 6 * HOUR
    else:
        wait = DAY
    spread = 0.9 + 0.2 * (zlib.crc32(f"{seed} {at:%j}".encode()) % 1000) / 1000
    return at + wait * spread


def ownership_is_over(kept: Kept | None, seen_at: datetime | None, at: datetime, grace_days: int) -> bool:
    """Only what we saw right ourselves can be lost, and only an ownership that was seen wrong all along, never one that could not be asked."""
    if kept is None or seen_at is None or not grace_days or kept.answer is not Answer.WRONG:
        return False
    return kept.is_confirmed_wrong and kept.wrong_times >= 5 and at - kept.since >= timedelta(days=grace_days)
