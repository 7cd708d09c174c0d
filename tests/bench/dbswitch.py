"""Database switches under load: what is lost, who hears an error, how long accepting and delivering pause.

A platform of its own on two PostgreSQL servers, the second the first's synchronous standby. Forty programs send 300 messages a second through
the API, each request under an Idempotency-Key; what is refused with 503 or goes wrong on the way is sent again under the same key, for 30 s: only
then it is an error. Meanwhile the primary is killed, stopped in order, or frozen (SIGSTOP), and the standby promoted two seconds later, as a
cluster manager would. `--short`: killed, once.
Afterwards every accepted delivery is looked for in the sandbox. The pauses hold the two seconds.
"""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise

from tests.bench.crash import _account, _let_go
from tests.dbswitch.pair import Pair, pair
from tests.flow.platform import Client, Platform, running, wait_until

PROGRAMS, BATCH, A_SECOND = 40, 10, 300
PATIENCE_S, NOTICED_AFTER_S = 30.0, 2.0
BEFORE_S, AFTER_S, LONGEST_S = 6.0, 12.0, 90.0
VERDICTS = "SELECT engine_id, at, evidence FROM monitoring_verdict WHERE at > %s ORDER BY at"


class Load:
    """The programs, and when each of their requests was accepted."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._stop = threading.Event()
        self.accepted: list[str] = []
        self.accepted_at: list[float] = []
        self.errors = 0
        self.again = 0
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(PROGRAMS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_S + 10)

    def _run(self, program: int) -> None:
        every_s = PROGRAMS * BATCH / A_SECOND
        client, number = self._platform.client(), 0
        due = time.monotonic() + every_s * program / PROGRAMS
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + every_s, time.monotonic() - every_s)  # what was missed is not made up for
            number += 1
            self._send(client, f"dbswitch {program} {number}", [_message(self._platform, program, number, place) for place in range(BATCH)])

    def _send(self, client: Client, key: str, messages: list[dict[str, object]]) -> None:
        until, status, answer = time.monotonic() + PATIENCE_S, 0, None
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, answer = client.post("/api/v1/messages/batch", {"messages": messages}, Idempotency_Key=key)
            if status == 202 or time.monotonic() > until or status not in (0, 409, 503):
                break
            self.again += 1
            time.sleep(1.0)
        if status != 202:
            print("not accepted:", status, answer)
            self.errors += 1
            return
        self.accepted_at.append(time.monotonic())
        self.accepted += [delivery["id"] for message in answer["messages"] for delivery in message["deliveries"]]


def _message(platform: Platform, program: int, number: int, place: int) -> dict[str, object]:
    to = f"r{program}.{number}.{place}@d{(number * BATCH + place) % 50}.example"
    return {"from": platform.address(), "to": to, "subject": "Switch", "text": "Hello", "stream": "notification" if place % 2 else "transactional"}


class Arrivals:
    """When the simulated internet had accepted something new."""

    def __init__(self, platform: Platform) -> None:
        self._platform, self._stop = platform, threading.Event()
        self.at: list[float] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        last = 0
        while not self._stop.wait(0.05):
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                if (now := int(self._platform.sandbox("/api/counts")["last"])) > last:
                    last = now
                    self.at.append(time.monotonic())

    def end(self) -> None:
        self._stop.set()
        self._thread.join(5)


def longest_pause(moments: list[float], since: float, until: float) -> float:
    """Seconds between two of them, or up to the end."""
    within = [since, *(at for at in sorted(moments) if since < at < until), until]
    return max(after - before for before, after in pairwise(within))


def run(short: bool) -> dict[str, float]:
    kinds = ("killed",) if short else ("killed", "stopped", "frozen")
    with pair() as servers, running(DATABASE_URL=servers.url()) as platform:
        platform.control("no_limits", provider="*")
        return measure(platform, servers, kinds)


def measure(platform: Platform, servers: Pair, kinds: tuple[str, ...]) -> dict[str, float]:
    load, arrivals = Load(platform), Arrivals(platform)
    wait_until(lambda: len(arrivals.at) > 20, 60, "mail flowed")
    accept_s, deliver_s = {}, {}
    for kind in kinds:
        time.sleep(BEFORE_S)
        at, wall = time.monotonic(), datetime.now(UTC)
        FAULTS[kind](servers)
        time.sleep(NOTICED_AFTER_S)
        servers.promote()
        for moments, what in ((load.accepted_at, "accepted"), (arrivals.at, "delivered")):
            # What was already on its way is no sign: several in a row, the last after the promotion.
            promoted = time.monotonic()
            wait_until(lambda m=moments, p=promoted: sum(moment > p for moment in list(m)) > 5, LONGEST_S, f"mail was {what} again after it was {kind}")
        time.sleep(AFTER_S)
        end = time.monotonic()
        accept_s[kind], deliver_s[kind] = longest_pause(load.accepted_at, at, end), longest_pause(arrivals.at, at, end)
        for engine, judged_at, evidence in platform.rows(VERDICTS, wall):
            print(f"{kind}: engine {engine} judged {(judged_at - wall).total_seconds():.1f} s after: {evidence}")
        print(f"{kind}: accepting paused for {accept_s[kind]:.1f} s, delivering for {deliver_s[kind]:.1f} s")
        if kind != kinds[-1]:
            servers.come_back() if kind == "stopped" else servers.follow_anew()
    load.end()
    wait_until(lambda: _let_go(platform) == 0, 180, "everything was delivered", every_s=1)
    arrivals.end()
    figures = _account(platform, load.accepted)
    return {
        **figures,
        "api_errors": float(load.errors),
        "asked_again": float(load.again),
        "accept_pause_ms": max(accept_s.values()) * 1000,
        "deliver_pause_ms": max(deliver_s.values()) * 1000,
        **{f"{what}_pause_{kind}_ms": seconds * 1000 for what, some in (("accept", accept_s), ("deliver", deliver_s)) for kind, seconds in some.items()},
    }


FAULTS: dict[str, Callable[[Pair], None]] = {"killed": Pair.kill, "stopped": Pair.stop, "frozen": Pair.freeze}
