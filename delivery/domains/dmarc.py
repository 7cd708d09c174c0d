"""DMARC records: read (RFC 7489 §6.3), and where they are looked for (§6.6.3). Pure but for the asker that is handed in."""

import re
from dataclasses import dataclass

from delivery.domains.orgs import organizational_domain
from delivery.domains.tags import NotTags, parse_tags
from mailplatform.shell.ask import Answer, Ask

POLICIES = ("none", "quarantine", "reject")
_VERSION = re.compile(r"v\s*=\s*DMARC1\s*(?:;|$)")


@dataclass(frozen=True, slots=True)
class Policy:
    """What applies to mail with this From domain."""

    policy: str
    strict_dkim: bool
    strict_spf: bool
    percent: int
    reports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Discovered:
    """`texts`: the DMARC records at `at`; none anywhere: `at` is the domain's own name. `failed`: the answer that could not be had."""

    at: str
    texts: tuple[str, ...]
    others: tuple[str, ...] = ()  # TXT records there that are no DMARC records
    inherited: bool = False
    failed: Answer | None = None


async def discover(ask: Ask, domain: str) -> Discovered:
    """At the domain itself, else at its organizational domain."""
    own = f"_dmarc.{domain}"
    first = await ask(own, "TXT")
    if first.failed:
        return Discovered(own, (), failed=first)
    texts = tuple(text for text in first.rows if _VERSION.match(text))
    if texts or (organization := organizational_domain(domain)) == domain:
        return Discovered(own, texts, first.rows)
    above = await ask(f"_dmarc.{organization}", "TXT")
    if above.failed:
        return Discovered(own, (), failed=above)
    if inherited := tuple(text for text in above.rows if _VERSION.match(text)):
        return Discovered(f"_dmarc.{organization}", inherited, above.rows, inherited=True)
    return Discovered(own, (), first.rows)


def read(text: str, is_subdomain: bool) -> Policy | str:
    """The policy, or what is wrong with the record. `is_subdomain`: it was found above the domain, so that its sp= counts."""
    try:
        tags = parse_tags(text)
    except NotTags as no:
        return f"It cannot be read: {no}."
    if next(iter(tags), "") != "v":
        return "v=DMARC1 does not stand first."
    asked = (tags.get("sp") if is_subdomain else None) or tags.get("p", "")
    policy = asked.lower()
    reports = tuple(part.strip() for part in tags.get("rua", "").split(",") if part.strip())
    if policy not in POLICIES:
        if not any(report.lower().startswith("mailto:") for report in reports):
            return f"Its policy is “{asked[:20]}”; there are {', '.join(POLICIES)}." if asked else "It has no policy: the tag p= is missing."
        policy = "none"  # §6.6.3 step 6: with somewhere to report to, it counts as p=none
    for name in ("adkim", "aspf"):
        if tags.get(name, "r").lower() not in ("r", "s"):
            return f"Its {name}= is “{tags[name][:20]}”; there are r and s."
    percent = tags.get("pct", "100")
    if not percent.isdecimal() or int(percent[:4]) > 100:
        return f"Its pct= is “{percent[:20]}”, no number from 0 to 100."
    return Policy(policy, tags.get("adkim", "r").lower() == "s", tags.get("aspf", "r").lower() == "s", int(percent), reports)
