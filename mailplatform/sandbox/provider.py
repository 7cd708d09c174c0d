"""One provider's mind: whom it lets connect, what it takes, and what it answers.

Owns the open connections, rates, reputations, greylist and counts of one site (a big provider, or the server of one small
domain). Promises that limits bind exactly and that each time one binds it is counted as a violation. Never touches a socket:
session.py asks and writes what it gets.
"""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from .behaviour import Behaviour
from .busiest import Busiest
from .habits import Habits
from .names import Site, share
from .reputation import Reputation
from .zones import BlockLists

_MOST_REMEMBERED = 100_000
Triplet = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Ruling:
    """An answer other than yes."""

    reply: bytes
    why: str
    close: bool


class Rolling:
    """At most `limit` in any `window_s`, exactly."""

    def __init__(self, limit: int, window_s: float) -> None:
        self.limit, self.window_s = limit, window_s
        self._times: deque[float] = deque(maxlen=max(1, limit))

    def fits(self, now_s: float) -> bool:
        """Whether one more does."""
        return not 0 < self.limit == len(self._times) or now_s - self._times[0] >= self.window_s

    def count(self, now_s: float) -> None:
        """One more."""
        if self.limit > 0:
            self._times.append(now_s)


class _Words(dict[str, str]):
    """What a placeholder stands for; the costly ones are made only when a text asks for them."""

    def __init__(self, provider: "Provider", words: dict[str, str]) -> None:
        super().__init__(words)
        self.provider = provider

    def __missing__(self, name: str) -> str:
        serial = self.provider._serial
        match name:
            case "id":
                return f"{serial:08x}.{int(time.time() * 1000) & 0xFFFFFFF:07x}"
            case "stamp":
                return str(int(time.time()))
            case "date":
                return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
            case "tail":
                return f"{serial % 1000:03d}"
            case "host":
                return self.provider.profile.greeting_host
        return ""


class Provider:
    """State and decisions of one site."""

    def __init__(self, site: Site, lists: BlockLists, clock: Callable[[], float] = time.monotonic) -> None:
        self.site = site
        self.profile = site.profile
        self.lists = lists
        self.clock = clock
        self.habits: Habits = site.profile.habits.changed(site.place.get("habits", {}))
        self.open: dict[str, int] = {}
        self.reputations: dict[str, Reputation] = {}
        self.broken: dict[str, str] = {}  # ip -> block, defer, refuse, reset, silent
        self.outage = ""  # refused (nobody listens), busy, silent, reset
        self.counts: Counter[str] = Counter()
        self.violations: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.busiest = Busiest()
        self._rates: dict[str, tuple[Rolling, ...]] = {}
        self._tries: OrderedDict[Triplet, tuple[int, float]] = OrderedDict()
        self._serial = 0
        # Most answers to what goes well are the same every time: made once.
        self._fixed = {key: text.encode() for key, text in self.profile.replies.items() if "{" not in text}

    # -- words ----------------------------------------------------------------------------------------------------
    def say(self, key: str, **words: str) -> bytes:
        """A reply of this provider, complete with CRLF."""
        if (fixed := self._fixed.get(key)) is not None:
            return fixed
        self._serial += 1
        return self.profile.replies[key].format_map(_Words(self, words)).encode("utf-8", "replace")

    def refuse(self, key: str, why: str = "", **words: str) -> Ruling:
        """A counted refusal; 421 ends the session (RFC 5321 §3.8)."""
        reply = self.say(key, **words)
        self.counts["deferred" if reply[:1] == b"4" else "refused"] += 1
        self.codes[reply[:3].decode()] += 1
        return Ruling(reply, why or key, reply.startswith(b"421"))

    # -- decisions, in the order of a conversation ------------------------------------------------------------------
    def connect(self, ip: str, host: str) -> Ruling | None:
        """Whether this connection is greeted. Counts it as open either way: `leave` ends it."""
        self.open[ip] = self.open.get(ip, 0) + 1
        self.counts["connections"] += 1
        limit = self.habits.connections_per_ip
        if 0 < limit < self.open[ip]:
            self.violations["connections_per_ip"] += 1
            return self._closing("too_many_connections", ip=ip, host=host)
        if self.outage == "busy" or self.site.server == "busy" or self.broken.get(ip) == "refuse":
            return self._closing("busy", ip=ip, host=host)
        return self._about_ip("connect", ip, host, "")

    def leave(self, ip: str) -> None:
        """A connection is over."""
        if self.open.get(ip, 0) > 1:
            self.open[ip] -= 1
        else:
            self.open.pop(ip, None)

    def mail(self, ip: str, host: str, before: int) -> Ruling | None:
        """Whether a transaction may begin; `before` is how many messages this session has had."""
        if 0 < self.habits.messages_per_connection <= before:
            self.violations["messages_per_connection"] += 1
            return self.refuse("session_limit", ip=ip, host=host)
        return self._about_ip("mail", ip, host, "")

    def recipient(self, ip: str, host: str, sender: str, rcpt: str, behaviour: Behaviour | None) -> Ruling | None:
        """Whether this mailbox takes mail from there."""
        if (ruling := self._about_ip("rcpt", ip, host, rcpt)) is not None:
            return ruling
        words = {"ip": ip, "host": host, "rcpt": rcpt, "sender": sender, "domain": rcpt.rpartition("@")[2]}
        if (behaviour is not None and behaviour.refusal == "unknown") or self._not_here(rcpt):
            return None if self.profile.stages.unknown == "data" else self._unknown(ip, words)
        if behaviour is not None and behaviour.refusal:
            return self.refuse(behaviour.refusal, **words)
        if behaviour is not None and behaviour.tries:
            return self.refuse("defer", **words) if self._try(("", sender, rcpt)) <= behaviour.tries else None
        wait_s = self.habits.greylist_address_s if behaviour is not None and behaviour.greylists else self.habits.greylist_s
        if wait_s > 0 and not self._waited((ip, sender, rcpt), wait_s):
            return self.refuse("greylist", wait=f"{wait_s:g}", **words)
        return None

    def content(self, ip: str, host: str, sender: str, rcpt: str, behaviour: Behaviour | None) -> Ruling | None:
        """The decision after the dot."""
        if (ruling := self._about_ip("data", ip, host, rcpt)) is not None:
            return ruling
        words = {"ip": ip, "host": host, "rcpt": rcpt, "sender": sender, "domain": rcpt.rpartition("@")[2]}
        if self.profile.stages.unknown == "data" and (self._not_here(rcpt) or (behaviour is not None and behaviour.refusal == "unknown")):
            return self._unknown(ip, words)
        return self.refuse("spam", **words) if behaviour is not None and behaviour.spam else None

    def took_recipient(self, ip: str) -> None:
        """A recipient was accepted."""
        self.busiest.count(ip, self.clock())

    def took(self, ip: str) -> None:
        """A message was accepted."""
        self.counts["accepted"] += 1
        self.codes["250"] += 1
        self.reputation(ip).saw_message(self.habits)

    def complaint(self, ip: str) -> None:
        """A recipient complained about a message from this IP."""
        self.counts["complaints"] += 1
        self.reputation(ip).saw_complaint()

    def reputation(self, ip: str) -> Reputation:
        """What this provider thinks of the IP now."""
        now_s = self.clock()
        known = self.reputations.get(ip)
        if known is None:
            known = self.reputations[ip] = Reputation(self.habits.reputation_start, now_s)
        known.pass_time(self.habits, now_s)
        return known

    def set_habits(self, habits: Habits) -> None:
        """New limits, from now on; rate windows start anew."""
        self.habits = habits
        self._rates.clear()

    # -- what the decisions are made of ------------------------------------------------------------------------------
    def _about_ip(self, stage: str, ip: str, host: str, rcpt: str) -> Ruling | None:
        stages = self.profile.stages
        words = {"ip": ip, "host": host, "rcpt": rcpt, "domain": rcpt.rpartition("@")[2]}
        make = self._closing if stage == "connect" else self.refuse
        if stages.reputation == stage:
            mode = self.broken.get(ip)
            verdict = {"block": "blocked", "defer": "low_reputation"}.get(mode or "") or self.reputation(ip).verdict(self.habits)
            if verdict:
                return make(verdict, **words)
        if stages.dnsbl == stage and (listed := self.lists.listing(ip)) is not None:
            return make("dnsbl", list=listed, **words)
        if stages.rate == stage and not self._within_rate(ip):
            self.violations["rate"] += 1
            return make("rate_limited", **words)
        return None

    def _closing(self, key: str, **words: str) -> Ruling:
        """A refusal at the banner closes the connection whatever its code (RFC 5321 §3.1)."""
        ruling = self.refuse(key, **words)
        self.counts["connections refused"] += 1
        return Ruling(ruling.reply, ruling.why, True)

    def _within_rate(self, ip: str) -> bool:
        rates = self._rates.get(ip)
        if rates is None:
            habits = self.habits
            limits = ((habits.messages_per_second, 1), (habits.messages_per_minute, 60), (habits.messages_per_hour, 3600))
            rates = self._rates[ip] = tuple(Rolling(limit, window_s) for limit, window_s in limits)
        now_s = self.clock()
        if not all(rate.fits(now_s) for rate in rates):
            return False
        for rate in rates:
            rate.count(now_s)
        return True

    def _not_here(self, rcpt: str) -> bool:
        return self.habits.unknown_share > 0 and share(rcpt.lower()) < self.habits.unknown_share

    def _unknown(self, ip: str, words: dict[str, str]) -> Ruling:
        self.counts["unknown recipients"] += 1
        self.reputation(ip).saw_unknown()
        return self.refuse("unknown", **words)

    def _try(self, key: Triplet) -> int:
        """The number of this try of a key."""
        count, first = self._tries.pop(key, (0, self.clock()))
        self._tries[key] = (count + 1, first)
        if len(self._tries) > _MOST_REMEMBERED:
            self._tries.popitem(last=False)
        return count + 1

    def _waited(self, key: Triplet, wait_s: float) -> bool:
        return self._try(key) > 1 and self.clock() - self._tries[key][1] >= wait_s
