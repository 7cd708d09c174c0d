"""How long an idle platform takes: from the API's answer to the provider's 250.

A platform of its own, 500 messages one after the other to a simulated Gmail; each waits until the one before it has arrived. Both ends
are read from this machine's wall clock: when the client had the API's whole answer, and when the sandbox recorded the message, before it said 250.
The provider's limits are lifted: what they make wait is not the platform's time. An engine that is faster than the API's answer counts as 0 ms.
"""

import statistics
import time

from tests.flow.platform import Client, Platform, running, wait_until

MESSAGES, SHORT = 500, 60
WARM_UP = 10  # connections, caches, the sandbox's first certificate
DOMAINS = ("gmail.com", "outlook.com", "yahoo.com", "gmx.net")


def run(short: bool) -> dict[str, float]:
    with running() as platform:
        platform.control("no_limits", provider="*")
        client = platform.client()
        for number in range(WARM_UP):
            _one(platform, client, -number)
        measured = [_one(platform, client, number) for number in range(SHORT if short else MESSAGES)]
    waits_ms, answers_ms = sorted(wait for wait, _ in measured), sorted(answer for _, answer in measured)
    _table(waits_ms, answers_ms)
    return {
        "messages": float(len(measured)),
        "p50_ms": statistics.median(waits_ms),
        "p99_ms": percentile(waits_ms, 99),
        "max_ms": waits_ms[-1],
        "api_p50_ms": statistics.median(answers_ms),
        "api_p99_ms": percentile(answers_ms, 99),
    }


def percentile(ordered: list[float], percent: int) -> float:
    """The smallest value that so many per cent do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _one(platform: Platform, client: Client, number: int) -> tuple[float, float]:
    """(API answer to accepted, request to API answer) in ms."""
    to = f"latency{number}@{DOMAINS[number % len(DOMAINS)]}"
    message = {"from": platform.address(), "to": to, "subject": "Your code", "text": "123456", "stream": "transactional"}
    asked = time.time()
    status, answer = client.post("/api/v1/messages", message)
    answered = time.time()
    assert status == 202, answer
    delivery = answer["deliveries"][0]["id"]
    time.sleep(0.02)  # looking for it all the time would take the processor from those who are measured
    found = wait_until(lambda: platform.arrived(delivery), 30, "it arrived", every_s=0.02)
    return max(0.0, found[0]["accepted_at"] - answered * 1000), (answered - asked) * 1000


def _table(waits_ms: list[float], answers_ms: list[float]) -> None:
    print(f"{'':<28}{'median':>10}{'90 %':>10}{'99 %':>10}{'most':>10}   ms, {len(waits_ms)} messages")
    for name, values in (("answer → accepted", waits_ms), ("request → answer", answers_ms)):
        cells = (statistics.median(values), percentile(values, 90), percentile(values, 99), values[-1])
        print(f"{name:<28}" + "".join(f"{cell:>10.1f}" for cell in cells))
    print("goal of answer → accepted: below 80 in the median, below 250 at 99 %\n")
