"""The inbox pages: HTML without a script, made of what the store and the verifier say.

Pure: values in, a page out. Everything that came in a message is escaped; its HTML is shown by another document in a frame
that runs nothing and loads nothing. The look is the console's, in a style sheet of its own.
"""

import html
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from .behaviour import BEHAVIOURS
from .habits import BIG, load
from .leaving import WayOut
from .reading import Readable
from .verdict import Signature

STYLE = (Path(__file__).parent / "data" / "style.css").read_bytes()
POLICY = "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
# The mail's own document: no script, no form, no link that leads anywhere, nothing loaded from anywhere.
FRAME_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
_MARKS = {
    "good": '<circle cx="6" cy="6" r="5"/>',
    "limited": '<path d="M6 .6 11.8 11H.2Z"/>',
    "broken": '<path d="M3 .9 6 3.9l3-3L11.1 3l-3 3 3 3L9 11.1l-3-3-3 3L.9 9l3-3-3-3Z"/>',
}
Row = Mapping[str, Any]


def e(value: object) -> str:
    """Escaped for HTML."""
    return html.escape(str(value), quote=True)


def title_of(provider: str) -> str:
    """A provider's name for people."""
    return load(provider).title if provider in BIG else provider


def _mark(state: str) -> str:
    return f'<svg class="mark" data-state="{state}" viewBox="0 0 12 12" aria-hidden="true">{_MARKS[state]}</svg>'


def _badge(state: str, word: str) -> str:
    return f'<span class="badge" data-state="{state}">{_mark(state)}{e(word)}</span>'


def _page(title: str, main: str) -> bytes:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{e(title)} · Sandbox</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"></head>
<body><a class="skip" href="#page">To the page</a>
<header class="top"><a class="brand" href="/">Sandbox inbox</a><nav aria-label="Sandbox"><a href="/">Mail</a><a href="/providers">Providers</a>
<a href="/hooks">Webhooks</a></nav>
<span class="badge simulated">{_mark("limited")}Simulated</span></header>
<main id="page">{main}</main>
<footer>A simulated internet on this machine. The mailbox providers here are imitations, and no mail leaves.</footer></body></html>
""".encode("utf-8", "replace")


def _size(size_bytes: int) -> str:
    return f'{size_bytes} <span class="unit">B</span>' if size_bytes < 1000 else f'{size_bytes / 1000:.1f} <span class="unit">kB</span>'


def _clock(at_ms: int) -> str:
    exact = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_ms / 1000))
    return f'<time datetime="{exact[:10]}T{exact[11:19]}Z" title="{exact}">{exact[11:19]}</time>'


# -- the list ---------------------------------------------------------------------------------------------------------
def inbox(rows: Sequence[Row], totals: Mapping[str, Any], query: str, provider: str, older: int | None, paged: bool) -> bytes:
    """What arrived, the newest first."""
    main = f"""<div class="head"><h1>{_inbox_sentence(totals, rows, bool(query or provider))}</h1>
<p>{_totals_sentence(totals)}</p></div>
<form class="filters" method="get" action="/" role="search">
<div class="field grow"><label for="q">Recipient</label>
<input id="q" name="q" type="search" value="{e(query)}" placeholder="anna@shop.example" autocomplete="off"></div>
<div class="field"><label for="provider">Provider</label><select id="provider" name="provider"><option value="">All</option>{_options(provider)}</select></div>
<button class="btn first" type="submit">Find</button></form>
{_table(rows) if rows else _nothing(bool(query or provider))}
{_paging(query, provider, older, paged)}
{_behaviours()}"""
    return _page("Mail", main)


def _inbox_sentence(totals: Mapping[str, Any], rows: Sequence[Row], filtered: bool) -> str:
    if filtered:
        return "Mail that matches, the newest first" if rows else "No mail matches"
    if not rows:
        return "No mail has arrived yet"
    doubled = totals["doubled"]
    twice = f"{doubled:,} came twice" if doubled else "none came twice"
    return f'{_mark("limited" if doubled else "good")} {totals["last"]:,} {"messages" if totals["last"] != 1 else "message"} arrived, {twice}'


def _totals_sentence(totals: Mapping[str, Any]) -> str:
    clear = totals.get("accepted in the clear", 0)
    broken = sum(totals["violations"].values())
    return (
        f"Since the start: {totals['accepted']:,} accepted, {totals['deferred']:,} put off, {totals['refused']:,} refused; "
        f"{clear:,} without TLS, {broken:,} limits or rules of form broken by the sender."
    )


def _options(chosen: str) -> str:
    named = [(name, load(name).title) for name in BIG] + [("small", "Small servers")]
    return "".join(f'<option value="{name}"{" selected" if name == chosen else ""}>{e(title)}</option>' for name, title in named)


def _table(rows: Sequence[Row]) -> str:
    body = "".join(
        f"""<tr><td class="nowrap">{_clock(row["accepted_at"])}</td>
<th scope="row"><a href="/message/{row["n"]}">{e(row["rcpt"])}</a>{_badge("limited", "came again") if row["copy"] > 1 else ""}
<span class="under">{e(row["subject"] or "(no subject)")}</span></th>
<td class="wide-only subject">{e(row["subject"] or "(no subject)")}</td><td>{e(title_of(row["provider"]) if row["provider"] in BIG else "Small server")}</td>
<td class="wide-only mono">{e(row["source_ip"])}</td><td class="wide-only">{e(row["tls"].split(" ")[0]) if row["tls"] else _badge("limited", "no TLS")}</td>
<td class="num wide-only">{_size(row["size"])}</td></tr>"""
        for row in rows
    )
    return f"""<section class="panel"><table><thead><tr><th scope="col">Time</th><th scope="col">Recipient</th>
<th scope="col" class="wide-only">Subject</th><th scope="col">At</th>
<th scope="col" class="wide-only">From IP</th><th scope="col" class="wide-only">TLS</th><th scope="col" class="num wide-only">Size</th></tr></thead>
<tbody>{body}</tbody></table></section>"""


def _nothing(filtered: bool) -> str:
    text = "Try a part of the address, or another provider."
    if not filtered:
        text = "Send a message to any address at gmail.com, outlook.com or any domain under .example."
    return f'<section class="panel empty"><p>{text}</p></section>'


def _paging(query: str, provider: str, older: int | None, paged: bool) -> str:
    kept = {key: value for key, value in (("q", query), ("provider", provider)) if value}
    newest = f'<a class="btn" href="/?{e(urlencode(kept))}">Newest</a>' if paged else f'<a class="btn" href="/?{e(urlencode(kept))}">Refresh</a>'
    earlier = f'<a class="btn" href="/?{e(urlencode({**kept, "before": older}))}">Earlier</a>' if older else ""
    return f'<nav class="paging" aria-label="Pages">{newest}{earlier}</nav>'


def _behaviours() -> str:
    rows = "".join(f"<dt><code>{e(name)}@</code></dt><dd>{e(behaviour.says)}</dd>" for name, behaviour in BEHAVIOURS.items())
    return f"""<details class="panel"><summary>Addresses that force an answer, at any domain here</summary>
<p class="body">What follows a plus sign is ignored: <code>bounce+42@</code> behaves as <code>bounce@</code>.</p><dl class="facts body">{rows}</dl></details>"""


# -- one message --------------------------------------------------------------------------------------------------------
def message(
    row: Row, mail: Readable | None, signatures: Sequence[Signature], faults: Sequence[str], copies: Sequence[Row], complained: bool,
    out: WayOut | None = None, left: str = "",
) -> bytes:  # fmt: skip
    """Everything about one message; `left` is what was said when its unsubscribe button was pressed."""
    subject = f'<p class="subject">{e(row["subject"] or "(no subject)")}</p>'
    main = f"""<div class="head"><h1>{_message_sentence(row, mail, signatures)}</h1>{subject}{_leaving(row, out, left)}</div>
<div class="cols"><div class="stack">{_bodies(row, mail)}</div><div class="stack">
<section class="panel"><header><h2>Delivery</h2></header>{_delivery(row, copies, complained)}</section>
<section class="panel"><header><h2>DKIM</h2></header>{_signatures(signatures, mail)}</section>
<section class="panel"><header><h2>Form</h2></header>{_faults(faults, mail)}</section></div></div>
{_headers(row, mail)}"""
    return _page(f"To {row['rcpt']}", main)


def _leaving(row: Row, out: WayOut | None, left: str) -> str:
    """The button beside the sender, or why there is none."""
    if left:
        return f"<p>Unsubscribed by one click: {e(left)}.</p>"
    if out is None:
        return ""
    if out.why_not:
        return f'<p class="unit">It names a way to unsubscribe, but no button is shown: {e(out.why_not)}.</p>'
    return f'<form method="post" action="/message/{row["n"]}/unsubscribe"><button class="btn" type="submit">Unsubscribe</button></form>'


def _message_sentence(row: Row, mail: Readable | None, signatures: Sequence[Signature]) -> str:
    passed = next((s for s in signatures if s.passed), None)
    if mail is None:
        signed, state = "whose text is kept no longer", "good"
    elif passed:
        signed, state = f"signed by {e(passed.domain)}", "good"
    elif signatures:
        signed, state = "with a signature that does not hold", "broken"
    else:
        signed, state = "not signed", "limited"
    way = f"over {e(row['tls'].split(' ')[0])}" if row["tls"] else "without TLS"
    return f"{_mark(state)} Arrived at {e(title_of(row['provider']))} {way}, {signed}"


def _delivery(row: Row, copies: Sequence[Row], complained: bool) -> str:
    exact = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(row["accepted_at"] / 1000))
    facts = [
        ("To", e(row["rcpt"])),
        ("From", f'{e(row["mail_from"]) or "<>"} <span class="unit">(envelope)</span>'),
        ("Arrived", e(exact)),
        ("Server", e(row["mx_host"])),
        ("From IP", f"{e(row['source_ip'])}, as {e(row['ehlo'])}"),
        ("TLS", e(row["tls"]) if row["tls"] else _badge("limited", "none")),
        ("Size", _size(row["size"])),
        ("Message-ID", e(row["message_id"]) or "none"),
        ("Delivery", e(row["delivery_id"]) or "not said"),
    ]
    if complained:
        facts.append(("Complaint", _badge("broken", "the recipient complained")))
    if copies:
        links = ", ".join(f'<a href="/message/{other["n"]}">number {other["n"]}</a>' for other in copies)
        facts.append(("Again", f"{_badge('limited', 'came more than once')} {links}"))
    return '<dl class="facts body">' + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts) + "</dl>"


def _signatures(signatures: Sequence[Signature], mail: Readable | None) -> str:
    if mail is None:
        return '<p class="body">The message is kept no longer.</p>'
    if not signatures:
        return f'<p class="body">{_badge("limited", "not signed")}</p>'
    items = "".join(
        f"<li>{_badge('good' if s.passed else 'broken', 'pass' if s.passed else 'fail')} <b>{e(s.domain)}</b> "
        f'<span class="unit">selector {e(s.selector)}, {e(s.algorithm)}</span>{f"<p>{e(s.why)}</p>" if s.why else ""}</li>'
        for s in signatures
    )
    return f'<ul class="body signatures">{items}</ul>'


def _faults(faults: Sequence[str], mail: Readable | None) -> str:
    if mail is None or not faults:
        return f'<p class="body">{"The message is kept no longer." if mail is None else _badge("good", "nothing to hold against it")}</p>'
    return '<ul class="body signatures">' + "".join(f"<li>{_badge('limited', fault)}</li>" for fault in faults) + "</ul>"


def _bodies(row: Row, mail: Readable | None) -> str:
    if mail is None:
        return '<section class="panel empty"><p>Only the texts of the last 2,000 messages are kept.</p></section>'
    frame = f"""<section class="panel"><header><h2>HTML</h2><p>in a frame that runs no script and loads nothing</p></header>
<iframe sandbox title="The message's HTML" src="/message/{row["n"]}/html" referrerpolicy="no-referrer"></iframe></section>"""
    text = f'<section class="panel"><header><h2>Plain text</h2></header><pre class="text">{e(mail.text) or "(none)"}</pre></section>'
    files = "".join(f'<li>{e(name)} <span class="unit">{e(kind)}, {size:,} B</span></li>' for name, kind, size in mail.attachments)
    attached = f'<section class="panel"><header><h2>Attachments</h2></header><ul class="body signatures">{files}</ul></section>' if files else ""
    return (frame if mail.html else "") + text + attached


def _headers(row: Row, mail: Readable | None) -> str:
    if mail is None:
        return ""
    fields = "".join(f"<dt>{e(name)}</dt><dd>{e(value)}</dd>" for name, value in mail.headers)
    return f"""<section class="panel"><header><h2>Headers</h2><a class="end" href="/message/{row["n"]}/raw">Download the raw message</a></header>
<dl class="headers body">{fields}</dl></section>"""


# -- providers ----------------------------------------------------------------------------------------------------------
def providers(groups: Mapping[str, Mapping[str, Any]], outages: Mapping[str, str]) -> bytes:
    """What each provider took and refused."""
    body = "".join(
        f"""<tr><th scope="row">{e(load(name).title if name in BIG else "Small servers")}
{_badge("broken", f"outage: {outages[name]}") if outages.get(name) else ""}</th>
<td class="num">{group["accepted"]:,}</td><td class="num">{group["deferred"]:,}</td><td class="num">{group["refused"]:,}</td>
<td class="num wide-only">{group.get("connections", 0):,}</td><td class="num wide-only">{group.get("complaints", 0):,}</td>
<td class="wide-only">{e(", ".join(f"{count:,} {fault.replace('_', ' ')}" for fault, count in group["violations"].items()) or "none")}</td></tr>"""
        for name, group in groups.items()
    )
    down = [title_of(name) for name, mode in outages.items() if mode]
    sentence = f"{_mark('broken')} {e(' and '.join(down))} {'is' if len(down) == 1 else 'are'} down" if down else f"{_mark('good')} All providers are up"
    return _page(
        "Providers",
        f"""<div class="head"><h1>{sentence}</h1><p>Their limits, texts and moods are imitations, steered by POST /api/control.</p></div>
<section class="panel"><table><thead><tr><th scope="col">Provider</th><th scope="col" class="num">Accepted</th><th scope="col" class="num">Put off</th>
<th scope="col" class="num">Refused</th><th scope="col" class="num wide-only">Connections</th><th scope="col" class="num wide-only">Complaints</th>
<th scope="col" class="wide-only">Limits and forms broken by the sender</th></tr></thead><tbody>{body}</tbody></table></section>""",
    )


def hooks(heard: Sequence[tuple[int, str, str, str, Mapping[str, Any], str]]) -> bytes:
    """Webhooks that came: time, for whom, id, signature, event, the body as it was."""
    rows = "".join(
        f"""<tr><td>{_clock(at)}</td><th scope="row">{e(event.get("type", "no JSON"))}</th><td>{e(_of(event).get("recipient") or "")}</td>
<td class="wide-only">{e(name)}</td><td class="wide-only"><details><summary>{e(id_)}</summary><pre>{e(signature)}
{e(body)}</pre></details></td></tr>"""
        for at, name, id_, signature, event, body in heard
    )
    sentence = f"{_mark('good')} {len(heard)} webhooks came" if heard else "No webhook has come yet"
    return _page(
        "Webhooks",
        f"""<div class="head"><h1>{sentence}</h1><p>What the platform told a program at this address: POST /hooks/NAME. The latest 200 are kept.</p></div>
<section class="panel"><table><thead><tr><th scope="col">Came</th><th scope="col">Type</th><th scope="col">Recipient</th>
<th scope="col" class="wide-only">For</th><th scope="col" class="wide-only">Id and body</th></tr></thead><tbody>{rows}</tbody></table></section>""",
    )


def _of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    data = event.get("data")
    return data if isinstance(data, Mapping) else {}


def missing(what: str) -> bytes:
    """The page that is not there."""
    return _page("Not here", f'<div class="head"><h1>{e(what)}</h1><p><a href="/">To the mail</a></p></div>')
