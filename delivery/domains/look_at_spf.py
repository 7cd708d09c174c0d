"""SPF of what we send: whether every sending IP passes at the return path's domain, and whether the From domain's own record is in order."""

import asyncio

from delivery.domains.finding import Answer, Finding, not_asked, seen
from delivery.domains.plan import Plan
from delivery.domains.records import spf_of
from delivery.domains.spf import MOST_LOOKUPS, Branch, Result, Verdict, check_host, record_of, survey
from delivery.domains.spf_terms import Malformed, is_spf, parse
from mailplatform.shell.ask import Ask

SHOWN = 4


async def spf(plan: Plan, ask: Ask) -> Finding:
    """At the return path that mail goes out with."""
    return await passes(plan, plan.own_return_path if plan.own_return_path_used else plan.return_path, "spf", ask)


async def passes(plan: Plan, domain: str, kind: str, ask: Ask) -> Finding:
    """What a receiver makes of mail from each of our IPs with this domain in the return path."""
    if not plan.ips:
        return Finding(kind, Answer.UNKNOWN, "The tenant's streams have no sending IP yet: there is nothing to ask about.")
    expected = spf_of(plan)
    verdicts = await asyncio.gather(*(check_host(ask, ip.address, domain) for ip in plan.ips))
    tree = await survey(ask, domain, plan.ips[0].address)
    detail = {"domain": domain, "lookups": tree.total, "most_lookups": MOST_LOOKUPS, "tree": tree.told(), "ips": len(plan.ips)}
    records = seen([tree.record]) if tree.record else ()
    bad = [(ip.address, verdict) for ip, verdict in zip(plan.ips, verdicts, strict=True) if verdict.result is not Result.PASS]
    wrong = [(address, verdict) for address, verdict in bad if verdict.result is not Result.TEMPERROR]
    if wrong:
        return Finding(kind, Answer.WRONG, _told(domain, wrong, len(plan.ips)), expected=expected, seen=records, detail=detail)
    if bad:
        told = f"SPF of {domain} could not be asked: {bad[0][1].why}. It is asked again soon; this counts as nothing."
        return Finding(kind, Answer.UNKNOWN, told, expected=expected, seen=records, detail=detail)
    all_of = f"All {len(plan.ips)} sending IPs pass" if len(plan.ips) > 1 else "The sending IP passes"
    told = f"{all_of} at {domain}; {tree.total} of {MOST_LOOKUPS} lookups."
    return Finding(kind, Answer.RIGHT, told, expected=expected, seen=records, caution=_caution(tree), detail=detail)


def _told(domain: str, wrong: list[tuple[str, Verdict]], of: int) -> str:
    first = wrong[0][1]
    same = all(verdict.result is first.result and verdict.why == first.why for _, verdict in wrong)
    if same and len(wrong) == of:
        return f"No sending IP passes at {domain}: {first.result}, {first.why}."
    shown = "; ".join(f"{address} {verdict.result}, {verdict.why}" for address, verdict in wrong[:SHOWN])
    more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return f"{len(wrong)} of {of} sending IPs do not pass at {domain}: {shown}{more}."


def _caution(tree: Branch) -> str:
    if tree.total > MOST_LOOKUPS:
        return f"The whole record asks {tree.total} times; receivers stop at {MOST_LOOKUPS}. Ours are found before that, whatever comes after is not."
    return ""


async def from_spf(plan: Plan, ask: Ask) -> Finding:
    """The From domain's own record, which nobody has to look at: only a broken one is wrong."""
    expected = f"v=spf1 include:{plan.return_path} ~all (not needed)"
    answer = await record_of(ask, plan.name)
    if answer.failed:
        return not_asked("from_spf", plan.name, answer, expected=expected)
    found = [text for text in answer.rows if is_spf(text)]
    if not found:
        return Finding("from_spf", Answer.RIGHT, "There is none, and none is needed: SPF is asked of the return path's domain.", expected=expected)
    if len(found) > 1:
        told = f"{plan.name} has {len(found)} SPF records; with more than one, none counts (RFC 7208 §4.5)."
        return Finding("from_spf", Answer.WRONG, told, expected=expected, seen=seen(found))
    try:
        parse(found[0])
    except Malformed as mistake:
        return Finding("from_spf", Answer.WRONG, f"It cannot be read: {mistake}.", expected=expected, seen=seen(found))
    if not plan.ips:
        return Finding("from_spf", Answer.RIGHT, "It is in order.", expected=expected, seen=seen(found))
    tree = await survey(ask, plan.name, plan.ips[0].address)
    verdict = await check_host(ask, plan.ips[0].address, plan.name)
    detail = {"domain": plan.name, "lookups": tree.total, "most_lookups": MOST_LOOKUPS, "tree": tree.told()}
    if verdict.result is Result.TEMPERROR:
        return Finding("from_spf", Answer.UNKNOWN, f"It could not be asked to its end: {verdict.why}.", expected=expected, seen=seen(found), detail=detail)
    if verdict.result is Result.PERMERROR:
        return Finding("from_spf", Answer.WRONG, f"Receivers cannot evaluate it: {verdict.why}.", expected=expected, seen=seen(found), detail=detail)
    names_us = "It names our sending IPs." if verdict.result is Result.PASS else "It does not name our sending IPs, and need not: the return path's does."
    return Finding("from_spf", Answer.RIGHT, names_us, expected=expected, seen=seen(found), caution=_caution(tree), detail=detail)
