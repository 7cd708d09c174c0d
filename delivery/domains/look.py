"""One look at a domain: every check at once. Each is a coroutine of the plan and the asker that gives a finding, and knows no other check.

Pure but for the asker. Promises: as many findings as there are things to check, whatever DNS says; nothing is raised for an answer.
"""

import asyncio

from delivery.domains.dkim_record import compare
from delivery.domains.dmarc import discover, read
from delivery.domains.finding import Answer, Finding, not_asked, seen
from delivery.domains.keys import KeyState
from delivery.domains.look_at_hosts import from_domain, own_return_path, ptr, return_path
from delivery.domains.look_at_spf import from_spf, spf
from delivery.domains.orgs import aligned
from delivery.domains.plan import KeyPlan, Plan
from mailplatform.shell.ask import Ask, Status


async def look(plan: Plan, ask: Ask) -> tuple[Finding, ...]:
    """All findings, alignment last: it follows from the others."""
    checks = [ownership(plan, ask), *(dkim(plan, key, ask) for key in plan.keys if key.state is not KeyState.REMOVABLE), dmarc(plan, ask)]
    checks += [spf(plan, ask), from_spf(plan, ask), return_path(plan, ask), from_domain(plan, ask), ptr(plan, ask)]
    if plan.own_return_path:
        checks.append(own_return_path(plan, ask))
    found = tuple(await asyncio.gather(*checks))
    return (*found, alignment(plan, found))


async def ownership(plan: Plan, ask: Ask) -> Finding:
    name, want = plan.ownership_name, plan.ownership_value
    answer = await ask(name, "TXT")
    if answer.failed:
        return not_asked("ownership", name, answer, expected=want)
    texts = [text.strip() for text in answer.rows]
    if want in texts:
        return Finding("ownership", Answer.RIGHT, "The record that proves that the domain is yours is there.", expected=want, seen=(want,))
    said = "says something else" if texts else "has no TXT record" + await _elsewhere(plan, name, "TXT", ask)
    return Finding("ownership", Answer.WRONG, f"{name} {said}.", expected=want, seen=seen(texts))


async def dkim(plan: Plan, key: KeyPlan, ask: Ask) -> Finding:
    name = f"{key.selector}._domainkey.{plan.name}"
    answer = await ask(name, "TXT")
    if answer.failed:
        return not_asked("dkim", name, answer, key.selector, key.record)
    detail = {"algorithm": key.algorithm, "state": key.state.value}
    if not answer.rows:
        said = f"{name} has no TXT record{await _elsewhere(plan, name, 'TXT', ask)}."
        return Finding("dkim", Answer.WRONG, said, key.selector, key.record, detail=detail)
    compared = [compare(text, key.record) for text in answer.rows]
    if len(answer.rows) > 1:  # undefined (RFC 6376 §3.6.2.2): each receiver takes one of them, or none
        has_ours = any(not one.difference for one in compared)
        told = f"{name} has {len(answer.rows)} TXT records{', ours among them' if has_ours else ''}; there must be one."
        return Finding("dkim", Answer.WRONG, told, key.selector, key.record, seen(answer.rows), detail=detail)
    if difference := compared[0].difference:
        return Finding("dkim", Answer.WRONG, f"{name}: {difference}", key.selector, key.record, seen(answer.rows), detail=detail)
    caution = "It says t=y (testing): some receivers take no notice of signatures until that is gone." if compared[0].testing else ""
    alias = f", by way of {answer.canonical}" if answer.canonical and answer.canonical != name.lower() else ""
    return Finding("dkim", Answer.RIGHT, f"Our key is there{alias}.", key.selector, key.record, seen(answer.rows), caution, detail)


async def dmarc(plan: Plan, ask: Ask) -> Finding:
    found = await discover(ask, plan.name)
    if found.failed:
        return not_asked("dmarc", found.at, found.failed)
    expected = "v=DMARC1; p=none (or stricter)"
    if not found.texts:
        others = " What stands there is none: it would begin with v=DMARC1." if found.others else ""
        where = await _elsewhere(plan, found.at, "TXT", ask) if not found.others else ""
        return Finding("dmarc", Answer.WRONG, f"{found.at} has no DMARC record{where}.{others}", expected=expected, seen=seen(found.others))
    if len(found.texts) > 1:
        told = f"{found.at} has {len(found.texts)} DMARC records, so that none counts (RFC 7489 §6.6.3)."
        return Finding("dmarc", Answer.WRONG, told, expected=expected, seen=seen(found.texts))
    policy = read(found.texts[0], found.inherited)
    if isinstance(policy, str):
        return Finding("dmarc", Answer.WRONG, f"{found.at}: {policy}", expected=expected, seen=seen(found.texts))
    inherited = f", by way of {found.at}" if found.inherited else ""
    caution = "" if policy.policy != "none" else "It changes nothing yet: p=quarantine or p=reject is what keeps others from using your name."
    detail = {"policy": policy.policy, "strict_dkim": policy.strict_dkim, "strict_spf": policy.strict_spf, "at": found.at}
    told = f"The policy is {policy.policy}{inherited}."
    return Finding("dmarc", Answer.RIGHT, told, expected=expected, seen=seen(found.texts), caution=caution, detail=detail)


def alignment(plan: Plan, found: tuple[Finding, ...]) -> Finding:
    """Whether DMARC passes for what we send (RFC 7489 §3.1): by DKIM, whose d= is the From domain itself, or by SPF of a return path of its own."""
    of_keys = {one.subject: one.answer for one in found if one.kind == "dkim"}
    taken = [key for key in plan.keys if key.state is KeyState.WAITING and of_keys.get(key.selector) is Answer.RIGHT]  # as soon as this look is kept
    signing = [*(key for key in plan.keys if key.state is KeyState.ACTIVE), *taken]
    answers = [of_keys.get(key.selector, Answer.UNKNOWN) for key in signing]
    sender = plan.own_return_path if plan.own_return_path_used else plan.return_path
    policy = next((one.detail for one in found if one.kind == "dmarc"), {})
    by_spf = aligned(sender, plan.name, bool(policy.get("strict_spf"))) and _of(found, "spf") is Answer.RIGHT
    expected = f"d={plan.name} in a signature that verifies, or SPF of a return path below {plan.name}"
    if Answer.RIGHT in answers:
        also = ", and SPF of the return path is aligned too" if by_spf else ""
        return Finding("alignment", Answer.RIGHT, f"DKIM signs with d={plan.name}, the From domain itself{also}.", expected=expected)
    if by_spf:
        told = f"SPF of the return path {sender} is aligned."
        return Finding("alignment", Answer.RIGHT, told, expected=expected, caution="No signature verifies: forwarded mail fails DMARC.")
    if Answer.UNKNOWN in answers:
        return Finding("alignment", Answer.UNKNOWN, "The keys that sign could not be asked for.", expected=expected)
    if not signing:
        return Finding("alignment", Answer.WRONG, "No key signs yet: publish a DKIM record, it is taken into use once it is seen.", expected=expected)
    told = "The keys that sign are not in DNS, and the return path is not below the From domain: DMARC fails."
    return Finding("alignment", Answer.WRONG, told, expected=expected)


async def _elsewhere(plan: Plan, name: str, kind: str, ask: Ask) -> str:
    """The commonest slip: a DNS panel that adds the domain to a name that had it already."""
    doubled = f"{name}.{plan.name}"
    answer = await ask(doubled, kind)
    return f"; it stands at {doubled}, where the domain was added twice" if answer.status is Status.FOUND else ""


def _of(found: tuple[Finding, ...], kind: str) -> Answer | None:
    return next((one.answer for one in found if one.kind == kind), None)
