"""Admit: may this tenant send this message? A checklist, the first refusal wins.

Pure. A suppressed recipient is no refusal: that one delivery ends as `suppressed`, visibly, and the others go. A paused
tenant's mail is accepted and held.
"""

from collections.abc import Callable

from django.conf import settings

from delivery.submit.facts import StreamFacts, TenantFacts
from delivery.submit.submission import Submission
from mailplatform.shell.problems import Problem
from mailplatform.tenants.models import Tenant
from pools.purposes import Purpose

HOLD_PAUSED = "The tenant is paused."


def refusal_of_tenant(facts: TenantFacts) -> str | None:
    """Why this tenant sends nothing at all, or None."""
    if facts.state == Tenant.State.SUSPENDED:
        return f"The tenant {facts.name} is suspended. Ask the operator of this platform."
    return None


def hold_of(facts: TenantFacts, stream: StreamFacts) -> str:
    """Why a person must look first; empty: nobody must."""
    return HOLD_PAUSED if facts.state == Tenant.State.PAUSED else stream.held_why


def pace_of(facts: TenantFacts, stream: StreamFacts) -> int | None:
    """How many a minute may go of this stream and its like; None: the tenant is not slowed, or it is not their business."""
    return facts.bulk_per_minute if stream.shared and stream.purpose != Purpose.TRANSACTIONAL else None


def stream_of(submission: Submission, facts: TenantFacts) -> StreamFacts | None:
    return facts.streams.get(submission.stream or facts.default_stream or "")


def stream_is_known(submission: Submission, facts: TenantFacts) -> Problem | None:
    if stream_of(submission, facts) is not None:
        return None
    if submission.stream is None:
        return Problem("stream", "It is required: this tenant has no default stream.")
    return Problem("stream", f"This tenant has no stream {submission.stream!r}.")


def domain_is_verified(submission: Submission, facts: TenantFacts) -> Problem | None:
    domain = submission.sender.domain
    if domain in facts.domains:
        return None
    field = "from" if submission.raw is None else "raw"
    if domain in facts.unverified:
        return Problem(field, f"The domain {domain} is not verified yet: publish its DNS records and verify it first.")
    return Problem(field, f"{domain} is not a sending domain of this tenant.")


def marketing_is_aligned(submission: Submission, facts: TenantFacts) -> Problem | None:
    """Marketing over IPs that are others' too needs passing SPF, DKIM and DMARC, as the domain's last check left them."""
    stream, domain = stream_of(submission, facts), submission.sender.domain
    if stream is None or stream.purpose != Purpose.MARKETING or not stream.shared or domain not in facts.unready:
        return None
    number, missing = facts.unready[domain]
    said = f"Marketing over shared IPs needs passing SPF, DKIM and DMARC. {domain}: {missing} See {settings.PUBLIC_URL.rstrip('/')}/domains/{number}/"
    return Problem("from" if submission.raw is None else "raw", said)


ADMISSION: tuple[Callable[[Submission, TenantFacts], Problem | None], ...] = (stream_is_known, domain_is_verified, marketing_is_aligned)


def admit(submission: Submission, facts: TenantFacts) -> Problem | None:
    """The first reason not to send it, or None."""
    return next((no for step in ADMISSION if (no := step(submission, facts))), None)


def size_allowed(size_bytes: int, max_bytes: int) -> Problem | None:
    """After composing, when the size is known."""
    if size_bytes <= max_bytes:
        return None
    return Problem("", f"The message has {size_bytes:,} bytes once composed; the most is {max_bytes:,}.")
