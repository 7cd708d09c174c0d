"""One look at one list: its test points first, then what of ours it lists.

Pure but for the asker. Promises: nothing is asked of a list whose test points are wrong, and its word counts for nothing; nothing is raised for an
answer. Test points (RFC 5782 §5): 127.0.0.2 must be listed and 127.0.0.1 must not; for IPv6 ::ffff:7f00:2 and ::ffff:7f00:1; for domains `test` and
`invalid`. A list that knows no IPv6 says nothing about our IPv6 addresses.
"""

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailplatform.shell.ask import Ask
from pools.listings.meaning import Verdict, Word, read
from pools.listings.models import Health, Subject
from pools.listings.zones import ZoneFacts

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Look:
    """What a list said. `verdicts` are empty unless `health` is good."""

    zone: ZoneFacts
    health: Health
    why: str = ""
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


def name_of(subject: str, zone: ZoneFacts) -> str:
    """The name to ask for: the address reversed by octets or nibbles (RFC 5782 §2.1, §2.4), a domain as it is."""
    if zone.lists == Subject.DOMAIN:
        return f"{subject}.{zone.zone}"
    address = ipaddress.ip_address(subject)  # (dnspython's reverse names make IPv4 of ::ffff:0:0/96, where the test points are)
    parts = str(address).split(".") if address.version == 4 else address.exploded.replace(":", "")
    return f"{'.'.join(reversed(parts))}.{zone.zone}"


async def look(zone: ZoneFacts, subjects: Sequence[str], ask: Ask) -> Look:
    """Test points, then each subject; TXT of what is listed."""
    four = [subject for subject in subjects if zone.lists == Subject.DOMAIN or ipaddress.ip_address(subject).version == 4]
    six = [subject for subject in subjects if subject not in set(four)]
    points = ("test", "invalid") if zone.lists == Subject.DOMAIN else ("127.0.0.2", "127.0.0.1")
    health, why = await _control(zone, points, ask)
    if health is not Health.GOOD:
        return Look(zone, health, why)
    if six:
        has_six, why = await _control(zone, ("::ffff:7f00:2", "::ffff:7f00:1"), ask)
        if has_six is Health.WILDCARD:
            return Look(zone, has_six, why)
        six = six if has_six is Health.GOOD else []
    asked = [*four, *six]
    answers = dict(zip(asked, await asyncio.gather(*(_verdict(zone, subject, ask) for subject in asked)), strict=True))
    if refused := next((one for one in answers.values() if one.word is Word.REFUSED), None):
        return Look(zone, Health.REFUSES, refused.why)
    listed = [subject for subject, verdict in answers.items() if verdict.word is Word.LISTED]
    texts = await asyncio.gather(*(ask(name_of(subject, zone), "TXT") for subject in listed))
    reasons = {subject: " ".join(text.rows)[:LONGEST_REASON].replace("\x00", "") for subject, text in zip(listed, texts, strict=True)}
    return Look(zone, Health.GOOD, "", answers, reasons)


async def _control(zone: ZoneFacts, points: tuple[str, str], ask: Ask) -> tuple[Health, str]:
    must, must_not = await asyncio.gather(*(_verdict(zone, point, ask) for point in points))
    for verdict in (must, must_not):
        if verdict.word is Word.REFUSED:
            return Health.REFUSES, verdict.why
    for verdict in (must, must_not):
        if verdict.word is Word.NOTHING:
            return Health.SILENT, verdict.why
    if must_not.word is Word.LISTED:
        return Health.WILDCARD, f"it lists {points[1]}, which no list may (RFC 5782 §5): it answers yes to everything"
    if must.word is not Word.LISTED:
        return Health.EMPTY, f"it does not list {points[0]}, which every list must (RFC 5782 §5): it has ended, or does not answer us truly"
    return Health.GOOD, ""


async def _verdict(zone: ZoneFacts, subject: str, ask: Ask) -> Verdict:
    return read(await ask(name_of(subject, zone), "A"), zone)
