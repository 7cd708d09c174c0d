"""What a look found, kept: rows of checks, verification, keys taken into use, the verdict, notices. One transaction a domain, under its row's lock.

Promises: `verified_at` is set by a right ownership check alone (a person's own act is in the console, audited); a name that another tenant has verified
stays theirs, and the one who asks learns only that it is taken. A waiting key is taken into use only by the look that saw its record. Twice the same
look changes nothing more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from delivery.domains import keys
from delivery.domains.facts import facts_of
from delivery.domains.finding import Answer, Finding
from delivery.domains.readiness import Known, as_json, judge
from delivery.domains.standing import Kept, follow, next_look, ownership_is_over
from delivery.submit.facts import forget_cached
from mailplatform.shell.audit import record
from mailplatform.shell.models import Severity
from mailplatform.shell.notices import clear_notice, raise_notice
from mailplatform.tenants.models import DkimKey, DomainCheck, SendingDomain

TURNED_WRONG, LOST, TAKEN, ROTATION = "domain turned wrong", "domain ownership lost", "domain claimed twice", "DKIM record to publish"
MACHINE = "check of domains"
# What a tenant's records are about; the others are the operator's to mend.
WORDS = {
    "ownership": "ownership", "dkim": "DKIM", "dmarc": "DMARC", "spf": "SPF", "from_spf": "the From domain's SPF", "return_path": "the return path",
    "own_return_path": "its own return path", "from_domain": "the From domain", "ptr": "names of the sending IPs", "alignment": "alignment",
}  # fmt: skip
WOULD_HAPPEN = {
    "ownership": "Mail goes on; after {days} days without the record the verification ends.",
    "dkim": "Mail goes on, but its signatures fail, and with them DMARC: providers may refuse it or file it as spam.",
    "dmarc": "Mail goes on; Gmail, Yahoo and Outlook.com refuse bulk mail without DMARC.",
    "spf": "Mail goes on; providers that ask for SPF may refuse it.",
    "own_return_path": "Mail goes on with the platform's return path.",
}


def keep(domain_id: int, findings: Sequence[Finding], at: datetime) -> SendingDomain | None:
    """None when the domain was deleted meanwhile."""
    with transaction.atomic():
        domain = SendingDomain.objects.select_for_update().filter(pk=domain_id).first()
        if domain is None:
            return None
        kept = _keep_checks(domain, findings, at)
        _ownership(domain, kept, at)
        _return_path(domain, kept, at)
        _keys(domain, findings, at)
        _tell(domain, kept)
        _verdict(domain, findings, kept, at)
        domain.checked_at = at
        waits = keys.waiting_keys(domain).exists()
        worst = min((one.since for one in kept.values() if one.known is Answer.WRONG), default=None)
        domain.next_check_at = next_look(findings, domain.verified_at is not None, waits, domain.created_at, worst, at, domain.pk)
        fields = ("verified_at", "ownership_seen_at", "return_path_seen_at", "verdict", "checked_at", "next_check_at")
        SendingDomain.objects.filter(pk=domain.pk).update(**{name: getattr(domain, name) for name in fields})
    forget_cached()
    return domain


def _keep_checks(domain: SendingDomain, findings: Sequence[Finding], at: datetime) -> dict[tuple[str, str], Kept]:
    rows = {(row.kind, row.subject): row for row in domain.checks.all()}
    wanted = {(one.kind, one.subject) for one in findings}
    DomainCheck.objects.filter(pk__in=[row.pk for key, row in rows.items() if key not in wanted]).delete()
    after: dict[tuple[str, str], Kept] = {}
    for one in findings:
        key = (one.kind, one.subject)
        kept = after[key] = follow(kept_of(rows[key]) if key in rows else None, one.answer, at)
        detail = {**one.detail, "caution": one.caution, **_history(kept)}
        fields = {
            "answer": one.answer, "sentence": one.sentence, "expected": one.expected, "seen": list(one.seen), "detail": detail, "checked_at": at,
            "since": kept.since, "wrong_times": kept.wrong_times,
        }  # fmt: skip
        DomainCheck.objects.update_or_create(domain=domain, kind=one.kind, subject=one.subject, defaults=fields)
    return after


def kept_of(row: DomainCheck) -> Kept:
    def when(name: str) -> datetime | None:
        return datetime.fromisoformat(row.detail[name]) if row.detail.get(name) else None

    known = Answer(row.detail["known"]) if row.detail.get("known") else None
    return Kept(Answer(row.answer), known, row.since, when("known_at"), when("right_at"), row.wrong_times)


def _history(kept: Kept) -> dict[str, str | None]:
    return {
        "known": kept.known.value if kept.known else None,
        "known_at": kept.known_at.isoformat() if kept.known_at else None,
        "right_at": kept.right_at.isoformat() if kept.right_at else None,
    }


def _ownership(domain: SendingDomain, kept: dict[tuple[str, str], Kept], at: datetime) -> None:
    mine = kept.get(("ownership", ""))
    if mine is not None and mine.answer is Answer.RIGHT:
        domain.ownership_seen_at = at
        clear_notice(LOST, _scope(domain))
        if domain.verified_at is None and verify(domain, at):
            record(MACHINE, "domain verified", domain, f"{domain} is verified: its ownership record was seen.")
    elif domain.verified_at is not None and ownership_is_over(mine, domain.ownership_seen_at, at, settings.OWNERSHIP_GRACE_DAYS):
        domain.verified_at = domain.ownership_seen_at = None
        days = settings.OWNERSHIP_GRACE_DAYS
        told = f"{domain} is no longer verified: its ownership record has been gone for {days} days. Its mail is refused until it is there again."
        raise_notice(LOST, _scope(domain), Severity.CRITICAL, told, link=link_of(domain))
        record(MACHINE, "verification ended", domain, told)


def verify(domain: SendingDomain, at: datetime) -> bool:
    """Verified from now on; False when another tenant has verified this name, which operators are told. The caller audits it."""
    try:
        with transaction.atomic():
            SendingDomain.objects.filter(pk=domain.pk).update(verified_at=at)
    except IntegrityError:
        told = f"{domain.tenant} has proved that {domain} is theirs, which another tenant has verified: decide who may send from it."
        raise_notice(TAKEN, _scope(domain), Severity.WARNING, told, link=link_of(domain))
        return False
    domain.verified_at = at
    clear_notice(TAKEN, _scope(domain))
    return True


def is_taken(domain: SendingDomain) -> bool:
    """Whether another tenant has verified this name. To be told only to who has proved to own it."""
    return SendingDomain.objects.filter(name=domain.name, verified_at__isnull=False).exclude(tenant_id=domain.tenant_id).exists()


def _return_path(domain: SendingDomain, kept: dict[tuple[str, str], Kept], at: datetime) -> None:
    """A name of the tenant's own is used while it is right; what cannot be asked changes nothing, and once wrong it is not used at once."""
    own = kept.get(("own_return_path", ""))
    if own is None or own.answer is Answer.WRONG:
        domain.return_path_seen_at = None
    elif own.answer is Answer.RIGHT and domain.return_path_seen_at is None:
        domain.return_path_seen_at = at


def _keys(domain: SendingDomain, findings: Sequence[Finding], at: datetime) -> None:
    """Keys whose record was seen are taken into use."""
    seen = [one.subject for one in findings if one.kind == "dkim" and one.answer is Answer.RIGHT]
    DkimKey.objects.filter(domain=domain, selector__in=seen).update(seen_at=at)
    waiting = list(keys.waiting_keys(domain).filter(selector__in=seen).values_list("pk", flat=True))
    started = keys.activate(waiting, at)
    for key in started:
        record(MACHINE, "DKIM key taken into use", key, f"{key} signs now: its record was seen.")
    if started and not keys.waiting_keys(domain).exists():
        clear_notice(ROTATION, _scope(domain))


def _tell(domain: SendingDomain, kept: dict[tuple[str, str], Kept]) -> None:
    """What was right once and is wrong for sure now. One notice a domain, over when nothing of it is wrong any more."""
    if domain.verified_at is None:
        return
    turned = sorted({kind for (kind, _), one in kept.items() if one.is_confirmed_wrong and one.right_at})
    if not turned:
        if not any(one.known is Answer.WRONG and one.right_at for one in kept.values()):
            clear_notice(TURNED_WRONG, _scope(domain))
        return
    what = ", ".join(WORDS[kind] for kind in turned)
    follows = next((words for kind, words in WOULD_HAPPEN.items() if kind in turned), "Mail goes on.").format(days=settings.OWNERSHIP_GRACE_DAYS)
    if "ownership" in turned and not (domain.ownership_seen_at and settings.OWNERSHIP_GRACE_DAYS):
        follows = "Mail goes on."
    told = f"{domain} ({domain.tenant}) was right and is wrong now: {what}. {follows}"
    raise_notice(TURNED_WRONG, _scope(domain), Severity.WARNING, told, {"checks": turned}, link_of(domain))


def _verdict(domain: SendingDomain, findings: Sequence[Finding], kept: dict[tuple[str, str], Kept], at: datetime) -> None:
    signing = set(DkimKey.objects.filter(domain=domain, active=True).values_list("selector", flat=True))
    checks: dict[str, list[Known]] = {}
    for one in findings:
        if one.kind == "dkim" and one.subject not in signing:
            continue
        answer = kept[one.kind, one.subject].stands(at)
        checks.setdefault(one.kind, []).append(Known(answer, one.sentence))
    domain.verdict = as_json(judge(checks, facts_of(domain), at))


def tell_rotation(domain: SendingDomain, made: Sequence[DkimKey], why: str) -> None:
    """Somebody must publish a record before the new keys can sign."""
    names = ", ".join(f"{key.selector}._domainkey.{domain.name}" for key in made)
    told = f"Publish the new DKIM records of {domain} ({domain.tenant}): {names}. {why} Until they are seen, the former keys go on signing."
    raise_notice(ROTATION, _scope(domain), Severity.INFO, told, link=link_of(domain), expires_at=None)


def grace_ends_at(domain: SendingDomain, kept: Kept) -> datetime | None:
    if domain.ownership_seen_at is None or kept.known is not Answer.WRONG or not settings.OWNERSHIP_GRACE_DAYS:
        return None
    return kept.since + timedelta(days=settings.OWNERSHIP_GRACE_DAYS)


def _scope(domain: SendingDomain) -> str:
    return f"domain:{domain.pk}"


def link_of(domain: SendingDomain) -> str:
    return reverse("domain", args=[domain.pk])
