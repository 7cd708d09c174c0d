"""Accepting over SMTP: Postfix's own smtp-source with 20 sessions, into us and into Postfix, in turns; accepted messages a second.

Messages of 5 KB with one recipient each. What each side does with them: tests/bench/peers/accepting.py. Two ways of asking: sessions that send
many messages each (smtp-source -d), which the key figure is made of, and a connection for every message. Every message that was accepted is
counted at its keeper after each run. The median of three rounds each.
"""

import statistics
import subprocess
import time

from tests.bench.peers.accepting import SENDER, HoldingPostfix, Injected, Ours
from tests.bench.peers.postfix import SESSIONS, SIZE_BYTES, program, why_not

MESSAGES, SHORT = 20_000, 4_000
ROUNDS = 3
WARM_UP = 1_000
WAYS = {"kept": ("-d",), "anew": ()}


def run(short: bool) -> dict[str, float]:
    if missing := why_not():
        raise SystemExit(missing)
    count = SHORT if short else MESSAGES
    seen: dict[tuple[str, str], list[float]] = {}
    with Ours() as ours, HoldingPostfix() as postfix:
        for way in WAYS:
            for side in (ours, postfix):
                inject(side, WARM_UP, way)
        for _ in range(ROUNDS):
            for way in WAYS:
                for name, side in (("ours", ours), ("postfix", postfix)):
                    side.empty()
                    seen.setdefault((name, way), []).append(inject(side, count if way == "kept" else count // 2, way).per_s)
                    kept = ours.queued() if side is ours else postfix.held()
                    wanted = count if way == "kept" else count // 2
                    assert kept == wanted, f"{name} has {kept:,} of {wanted:,} accepted messages"
    middle = {key: statistics.median(rates) for key, rates in seen.items()}
    _table(seen)
    return {
        "accept_vs_postfix": middle["ours", "kept"] / middle["postfix", "kept"],
        "accept_vs_postfix_anew": middle["ours", "anew"] / middle["postfix", "anew"],
        **{f"{name}_{way}_per_s": rate for (name, way), rate in middle.items()},
    }


def inject(side: Ours | HoldingPostfix, count: int, way: str) -> Injected:
    """-N gives every recipient a number."""
    numbers = ("-s", str(SESSIONS), "-l", str(SIZE_BYTES), "-m", str(count))
    command = (program("smtp-source") or "", *WAYS[way], "-N", *numbers, "-f", SENDER, "-t", f"user@{side.domain}", side.address)
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.monotonic() - began
    assert done.returncode == 0, f"smtp-source: {done.stderr[-500:]}"
    return Injected(count, seconds)


def _table(seen: dict[tuple[str, str], list[float]]) -> None:
    print(f"{'accepted messages a second':<34}{'median':>10}   rounds")
    for (name, way), rates in seen.items():
        told = f"{name}, {'sessions kept' if way == 'kept' else 'a connection each'}"
        print(f"{told:<34}{statistics.median(rates):>10,.0f}   {', '.join(f'{rate:,.0f}' for rate in rates)}")
    print("goal of accept_vs_postfix: 1.0; floor 0.6\n")
