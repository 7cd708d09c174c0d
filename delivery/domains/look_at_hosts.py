"""Hosts behind names: the return path's mail hosts, a return path of the tenant's own, the From domain, and the names of the sending IPs."""

import asyncio

from delivery.domains.finding import Answer, Finding, not_asked, seen
from delivery.domains.look_at_spf import passes
from delivery.domains.plan import OwnAddress, Plan
from mailplatform.shell.ask import Ask, reverse_name

MOST_HOSTS, SHOWN = 10, 4


async def return_path(plan: Plan, ask: Ask) -> Finding:
    """Bounces must find their way to us: the platform's return path has an MX, and that an address."""
    name = plan.return_path
    answer = await ask(name, "MX")
    if answer.failed:
        return not_asked("return_path", name, answer)
    hosts = [row.partition(" ")[2] for row in answer.rows[:MOST_HOSTS]]
    if not hosts or hosts == ["."]:
        told = f"{name} has no MX record: bounces do not find their way back."
        return Finding("return_path", Answer.WRONG, told, expected="an MX record", seen=seen(answer.rows))
    answers = [one for host in hosts for one in await asyncio.gather(ask(host, "A"), ask(host, "AAAA"))]
    if any(one.rows for one in answers):
        return Finding("return_path", Answer.RIGHT, f"Bounces find their way: {', '.join(hosts[:SHOWN])}.", seen=seen(answer.rows))
    if failed := next((one for one in answers if one.failed), None):
        return not_asked("return_path", hosts[0], failed)
    return Finding("return_path", Answer.WRONG, f"None of the mail hosts of {name} has an address.", expected="an address", seen=seen(answer.rows))


async def own_return_path(plan: Plan, ask: Ask) -> Finding:
    """The tenant's name leads where ours does, for bounces (MX) and for SPF."""
    own, ours = plan.own_return_path, plan.return_path
    expected = f"CNAME {ours}"
    theirs, platform = await asyncio.gather(ask(own, "MX"), ask(ours, "MX"))
    if failed := next((one for one in (theirs, platform) if one.failed), None):
        return not_asked("own_return_path", own, failed, expected=expected)
    alias = await ask(own, "CNAME")
    saw = seen([f"CNAME {row}" for row in alias.rows] or [f"MX {row}" for row in theirs.rows])
    if not theirs.rows or sorted(theirs.rows) != sorted(platform.rows):
        there = "has no MX record" if not theirs.rows else "leads its bounces to other hosts than ours"
        return Finding("own_return_path", Answer.WRONG, f"{own} {there}. Until it is right, mail goes out with {ours}.", expected=expected, seen=saw)
    sent = await passes(plan, own, "own_return_path", ask)
    if sent.answer is Answer.RIGHT:
        told = f"{own} leads to us, and its SPF lets our sending IPs pass: it is the return path of this domain's mail."
        return Finding("own_return_path", Answer.RIGHT, told, expected=expected, seen=saw, caution=sent.caution, detail=sent.detail)
    if sent.answer is Answer.UNKNOWN:
        return Finding("own_return_path", Answer.UNKNOWN, sent.sentence, expected=expected, seen=saw)
    told = f"{sent.sentence} Until it is right, mail goes out with {ours}."
    return Finding("own_return_path", Answer.WRONG, told, expected=expected, seen=sent.seen or saw, detail=sent.detail)


async def from_domain(plan: Plan, ask: Ask) -> Finding:
    """Receivers refuse senders whose domain cannot be written to."""
    mx, four, six = await asyncio.gather(ask(plan.name, "MX"), ask(plan.name, "A"), ask(plan.name, "AAAA"))
    expected = "an MX record, or an address"
    if mx.rows and {row.partition(" ")[2] for row in mx.rows} == {"."}:
        told = f"{plan.name} says that it takes no mail (a null MX): some receivers refuse mail from it (RFC 7505 §4.2)."
        return Finding("from_domain", Answer.WRONG, told, expected=expected, seen=seen(mx.rows))
    if rows := mx.rows or four.rows or six.rows:
        return Finding("from_domain", Answer.RIGHT, f"{plan.name} {'takes mail' if mx.rows else 'has an address'}.", seen=seen(rows))
    if failed := next((one for one in (mx, four, six) if one.failed), None):
        return not_asked("from_domain", plan.name, failed, expected=expected)
    return Finding("from_domain", Answer.WRONG, f"{plan.name} has neither a mail host nor an address: receivers cannot answer.", expected=expected)


async def ptr(plan: Plan, ask: Ask) -> Finding:
    """Each sending IP has a name that leads back to it."""
    if not plan.ips:
        return Finding("ptr", Answer.UNKNOWN, "The tenant's streams have no sending IP yet: there is nothing to ask about.")
    each = await asyncio.gather(*(_one_ptr(ip, ask) for ip in plan.ips))
    wrong = [one for one in each if one.answer is Answer.WRONG]
    unknown = [one for one in each if one.answer is Answer.UNKNOWN]
    cautions = [one.caution for one in each if one.caution]
    expected = "a PTR record for each sending IP, to a name that has that address"
    rows = tuple(row for one in wrong for row in one.seen)
    if wrong:
        told = f"{len(wrong)} of {len(plan.ips)} sending IPs have no name that leads back: {' '.join(one.sentence for one in wrong[:SHOWN])}"
        return Finding("ptr", Answer.WRONG, told, expected=expected, seen=seen(rows))
    if unknown:
        return Finding("ptr", Answer.UNKNOWN, unknown[0].sentence, expected=expected)
    more = f" ({plan.ips_in_all} in all; {len(plan.ips)} were asked)" if plan.ips_in_all > len(plan.ips) else ""
    told = f"Each sending IP has a name that leads back to it{more}."
    return Finding("ptr", Answer.RIGHT, told, expected=expected, caution=" ".join(cautions[:SHOWN]))


async def _one_ptr(ip: OwnAddress, ask: Ask) -> Finding:
    reverse = await ask(reverse_name(ip.address), "PTR")
    if reverse.failed:
        return not_asked("ptr", f"The name of {ip.address}", reverse)
    if not reverse.rows:
        return Finding("ptr", Answer.WRONG, f"{ip.address} has no PTR record.")
    kind = "AAAA" if ":" in ip.address else "A"
    names = reverse.rows[:MOST_HOSTS]
    back = await asyncio.gather(*(ask(name, kind) for name in names))
    confirmed = [name for name, answer in zip(names, back, strict=True) if ip.address in answer.rows]
    if not confirmed:
        if failed := next((one for one in back if one.failed), None):
            return not_asked("ptr", names[0], failed)
        return Finding("ptr", Answer.WRONG, f"{ip.address} is {names[0]}, which has another address.", seen=seen(names))
    if ip.ehlo_name.lower() not in confirmed:
        return Finding("ptr", Answer.RIGHT, "", caution=f"{ip.address} says {ip.ehlo_name} in EHLO, and its name is {confirmed[0]}: better one name for both.")
    return Finding("ptr", Answer.RIGHT, "")
