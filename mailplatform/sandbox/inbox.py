"""What the HTTP side answers: the JSON API, and the inbox pages.

Reads may come from wherever the server listens; control only from loopback, as JSON, and never from a page of another site
(a browser cannot send that content type across sites without asking, and we never agree).
"""

import asyncio
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from . import pages
from .form import faults_of
from .habits import BIG
from .hooks import Hooks
from .leaving import leave, way_out
from .reading import readable
from .verdict import signatures_of
from .web import Request, Response

if TYPE_CHECKING:
    from .world import World

_MOST_ROWS = 100_000
_ROWS_A_PAGE = 50
_LEAVE = re.compile(r"/message/(\d{1,15})/unsubscribe")
_MESSAGE = re.compile(r"(?:/api)?/message/(\d{1,15})(/html|/raw)?")


class Inbox:
    """Routes."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.hooks = Hooks()
        self._api: dict[str, Callable[[Request], Awaitable[Any]]] = {
            "/api/accepted": self._accepted,
            "/api/counts": self.counts,
            "/api/returns": self._returns,
            "/api/find": self._find,
            "/api/state": self._state,
            "/api/complaints": self._complaints,
        }

    async def answer(self, request: Request) -> Response:
        """The response to a request."""
        if not _host_is_ours(request):
            return _json({"error": "This host name is not the sandbox's."}, 421)
        if request.path == "/api/control":
            return self._control(request)
        if request.path == "/hooks" or request.path.startswith("/hooks/"):
            return self.hooks.answer(request)
        if request.method == "POST" and (match := _LEAVE.fullmatch(request.path)):
            return await self._leave(request, int(match[1]))
        if request.method not in ("GET", "HEAD"):
            return _json({"error": "Only GET here; POST /api/control steers."}, 405)
        if (api := self._api.get(request.path)) is not None:
            try:
                return _json(await api(request))
            except ValueError as error:
                return _json({"error": str(error)}, 400)
        if request.path == "/style.css":
            return Response(pages.STYLE, "text/css; charset=utf-8")
        if request.path == "/":
            return await self._list(request)
        if request.path == "/providers":
            return await self._providers(request)
        if match := _MESSAGE.fullmatch(request.path):
            return await self._message(request, int(match[1]), match[2] or "")
        return _page(pages.missing("There is no such page."), 404)

    # -- pages ----------------------------------------------------------------------------------------------------------
    async def _list(self, request: Request) -> Response:
        query, provider = request.query.get("q", "").strip()[:320], request.query.get("provider", "")
        before = request.query.get("before", "")
        parts: list[str] = ["1"]
        values: list[object] = []
        if query:
            # The whole address is found by the index; a part of one reads on from the newest until a page is full.
            parts.append("rcpt = ?" if re.fullmatch(r"[^@]+@[^@]+\.[^@.]+", query) else "rcpt LIKE '%' || ? || '%'")
            values.append(query)
        if provider in BIG:
            parts.append("provider = ?")
            values.append(provider)
        elif provider:
            parts.append(f"provider NOT IN ({','.join('?' * len(BIG))})")
            values += BIG
        if before.isdecimal():
            parts.append("n < ?")
            values.append(int(before))
        sql = f"SELECT * FROM accepted WHERE {' AND '.join(parts)} ORDER BY n DESC LIMIT {_ROWS_A_PAGE + 1}"
        rows = await self.world.store.rows(sql, tuple(values))
        older = rows[_ROWS_A_PAGE - 1]["n"] if len(rows) > _ROWS_A_PAGE else None
        return _page(pages.inbox(rows[:_ROWS_A_PAGE], await self.counts(request), query, provider, older, bool(before)))

    async def _providers(self, request: Request) -> Response:
        outages = {one.site.key: one.outage for one in self.world.providers.values() if one.outage}
        return _page(pages.providers((await self.counts(request))["providers"], outages))

    async def _message(self, request: Request, n: int, form: str) -> Response:
        """A message as a page, as its HTML alone, as bytes, or (under /api) as JSON."""
        found = await self.world.store.rows("SELECT * FROM accepted WHERE n = ?", (n,))
        raw = await self.world.store.raw(n)
        if not found or (form and raw is None):
            return _page(pages.missing("This message is not here, or is kept no longer."), 404)
        row, loop = found[0], asyncio.get_running_loop()
        if form == "/raw":
            return Response(raw or b"", "message/rfc822", 200, {"Content-Disposition": f'attachment; filename="message-{n}.eml"'})
        mail = await loop.run_in_executor(None, readable, raw) if raw is not None else None
        if form == "/html":
            return Response((mail.html if mail else "").encode(), "text/html; charset=utf-8", 200, {"Content-Security-Policy": pages.FRAME_POLICY})
        signatures = await loop.run_in_executor(None, signatures_of, raw, self.world.directory.txt) if raw is not None else []
        faults = list(faults_of(raw, eight_bit=True, utf8=True)) if raw is not None else []
        if request.path.startswith("/api/"):
            verdicts = [{"passed": s.passed, "domain": s.domain, "selector": s.selector, "algorithm": s.algorithm, "why": s.why} for s in signatures]
            return _json({**row, "dkim": verdicts, "faults": faults, "kept": raw is not None, "headers": list(mail.headers) if mail else []})
        copies = []
        if row["message_id"] or row["delivery_id"]:
            copies = await self.world.store.rows(
                "SELECT n FROM accepted WHERE rcpt = ? AND message_id = ? AND delivery_id = ? AND n <> ? ORDER BY n LIMIT 20",
                (row["rcpt"], row["message_id"], row["delivery_id"], n),
            )
        complained = bool(await self.world.store.rows("SELECT 1 FROM complaint WHERE n = ?", (n,)))
        return _page(pages.message(row, mail, signatures, faults, copies, complained, way_out(mail, signatures), request.query.get("left", "")[:200]))

    async def _leave(self, request: Request, n: int) -> Response:
        """Press the message's unsubscribe button; only a page of ours may ask for it."""
        origin = request.headers.get("origin", "")
        if not _is_loopback(request.peer) or (origin and origin.partition("://")[2] != request.headers.get("host", "")):
            return _page(pages.missing("Only this inbox, on this machine, may press the button."), 403)
        raw, loop = await self.world.store.raw(n), asyncio.get_running_loop()
        mail = await loop.run_in_executor(None, readable, raw) if raw is not None else None
        signatures = await loop.run_in_executor(None, signatures_of, raw, self.world.directory.txt) if raw is not None else []
        out = way_out(mail, signatures)
        if out is None or not out.url:
            return _page(pages.missing("This message has no unsubscribe button."), 404)
        _, said = await loop.run_in_executor(None, leave, out.url)
        return Response(b"", status=303, headers={"Location": f"/message/{n}?{urlencode({'left': said})}"})

    # -- JSON -----------------------------------------------------------------------------------------------------------
    async def _accepted(self, request: Request) -> Any:
        """Messages after number `since`, the oldest first; `next` is the `since` of the next call."""
        since, limit = _number(request, "since", 0), min(_number(request, "limit", 1000), _MOST_ROWS)
        rows = await self.world.store.rows("SELECT * FROM accepted WHERE n > ? ORDER BY n LIMIT ?", (since, limit))
        return {"accepted": rows, "next": rows[-1]["n"] if rows else since}

    async def _find(self, request: Request) -> Any:
        """Messages by recipient, Message-ID or delivery id, the newest first."""
        rcpt, one = request.query.get("rcpt"), request.query.get("id")
        if not rcpt and not one:
            raise ValueError("Say 'rcpt' or 'id'.")
        parts, values = [], []
        if rcpt:
            parts.append("rcpt = ?")
            values.append(rcpt)
        if one:
            parts.append("(delivery_id = ? OR message_id = ? OR message_id = ?)")
            values += [one, one, f"<{one}>"]
        rows = await self.world.store.rows(f"SELECT * FROM accepted WHERE {' AND '.join(parts)} ORDER BY n DESC LIMIT 1000", tuple(values))
        return {"found": rows}

    async def _complaints(self, request: Request) -> Any:
        since = _number(request, "since", 0)
        rows = await self.world.store.rows(
            "SELECT c.complained_at, a.* FROM complaint c JOIN accepted a USING (n) WHERE c.complained_at > ? ORDER BY c.complained_at LIMIT 10000", (since,)
        )
        return {"complaints": rows}

    async def _returns(self, request: Request) -> Any:
        """What was sent back after number `since`, the oldest first, and what became of it; `?rcpt=`: about this recipient."""
        since, rcpt = _number(request, "since", 0), request.query.get("rcpt", "")
        return {"returns": [row for row in self.world.post.sent if row["n"] > since and rcpt in ("", row["rcpt"])], "counts": dict(self.world.post.counts)}

    async def counts(self, request: Request) -> Any:
        """Totals, and the same for each provider; small servers are one group unless ?small=1."""
        providers = list(self.world.providers.values())
        groups: dict[str, list[Any]] = {name: [] for name in (*BIG, "small")}
        for one in providers:
            groups["small" if not one.profile.block else one.site.key].append(one)
        if request.query.get("small"):
            groups.update({one.site.key: [one] for one in providers if not one.profile.block})
        return {
            **_summed(providers),
            "doubled": self.world.store.doubled,
            "last": self.world.store.last,
            "providers": {name: _summed(members) for name, members in groups.items()},
        }

    async def _state(self, request: Request) -> Any:
        """Providers with habits, what is broken, and the hidden reputations.

        Of the small servers those that were tampered with; `?provider=` (a name or a domain) tells any one.
        """
        named = request.query.get("provider", "")
        chosen = [self.world.provider_named(named)] if named else [*self.world.big(), *(one for one in self.world.small() if one.outage or one.broken)]
        providers = {
            one.site.key: {
                "title": one.profile.title,
                "outage": one.outage,
                "broken": one.broken,
                "open": one.open,
                "reputations": {ip: round(one.reputation(ip).level, 4) for ip in list(one.reputations)},
                "habits": {name: getattr(one.habits, name) for name in type(one.habits).__slots__},
                "busiest": one.busiest.told(),
            }
            for one in chosen
        }
        lists = {name: listed for name, listed in self.world.lists.listed.items() if listed}
        return {"simulated": True, "dns": self.world.directory.mode, "listed": lists, "providers": providers, "actions": self.world.control.names()}

    def _control(self, request: Request) -> Response:
        if not _is_loopback(request.peer):
            return _json({"error": "Only this machine may steer the sandbox."}, 403)
        if request.method != "POST" or request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _json({"error": "POST JSON, with Content-Type: application/json."}, 415)
        try:
            order = json.loads(request.body)
            if not isinstance(order, dict):
                raise ValueError("An action is a JSON object.")
            return _json(self.world.control.do(order))
        except ValueError as error:
            return _json({"error": str(error)}, 400)


def _summed(providers: list[Any]) -> dict[str, Any]:
    total: dict[str, Any] = {"accepted": 0, "deferred": 0, "refused": 0}
    violations: dict[str, int] = {}
    codes: dict[str, int] = {}
    for one in providers:
        for into, counter in ((total, one.counts), (violations, one.violations), (codes, one.codes)):
            for name, count in counter.items():
                into[name] = into.get(name, 0) + count
    return {**total, "violations": violations, "codes": codes}


def _number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise ValueError(f"'{name}' is a whole number, not {text!r}.")
    return int(text)


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text.strip("[]")).is_loopback
    except ValueError:
        return text == "localhost"


def _host_is_ours(request: Request) -> bool:
    """A name of somebody else's that leads here is a rebinding trick when a browser on this machine asks."""
    host = request.headers.get("host", "")
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    return not _is_loopback(request.peer) or not name or _is_loopback(name)


def _page(body: bytes, status: int = 200) -> Response:
    return Response(body, status=status, headers={"Content-Security-Policy": pages.POLICY, "X-Frame-Options": "DENY"})


def _json(data: Any, status: int = 200) -> Response:
    return Response(json.dumps(data).encode(), "application/json", status)
