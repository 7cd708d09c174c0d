"""A newcomer's first minutes: a message goes in through the API and comes out, signed and over TLS, at a simulated Gmail."""

import statistics
import time

from tests.flow.platform import Platform, wait_until


def _sent(platform: Platform, **changed: object) -> str:
    message = {"from": platform.address(), "to": "you@gmail.com", "subject": "Hello", "text": "Hello", **changed}
    status, answer = platform.client().post("/api/v1/messages", message)
    assert status == 202, answer
    return str(answer["id"])


def _state(platform: Platform, message: str) -> dict[str, object]:
    status, answer = platform.client().get(f"/api/v1/messages/{message}")
    assert status == 200
    return answer["deliveries"][0]


def test_a_message_through_the_api_reaches_gmail_over_tls_with_a_valid_signature(platform: Platform) -> None:
    message = _sent(platform)
    delivery = wait_until(lambda: (found := _state(platform, message))["state"] == "delivered" and found, 15, "it was delivered")
    assert delivery["attempts"][-1]["reply"].startswith("250 ")
    assert delivery["attempts"][-1]["tls"].startswith("TLSv1.")
    assert platform.arrivals()[str(delivery["id"])] == 1
    (arrived,) = platform.sandbox(f"/api/find?id={delivery['id']}")["found"]
    seen = platform.sandbox(f"/api/message/{arrived['n']}")
    assert [signature["passed"] for signature in seen["dkim"]] == [True, True], seen["dkim"]
    assert seen["faults"] == []


def test_an_idle_platform_delivers_within_a_few_tens_of_milliseconds(platform: Platform) -> None:
    """The issue's goal is 80 ms median and 250 ms at the 99th percentile over 500 messages; `bin/bench latency` measures it. Here: far from seconds."""
    client, waits_ms = platform.client(), []
    for number in range(40):
        status, answer = client.post("/api/v1/messages", {"from": platform.address(), "to": f"idle{number}@gmail.com", "subject": "Hello", "text": "Hello"})
        answered_ms = time.time() * 1000
        assert status == 202
        delivery = answer["deliveries"][0]["id"]
        (arrived,) = wait_until(lambda d=delivery: platform.sandbox(f"/api/find?id={d}")["found"], 15, "it arrived", every_s=0.01)
        waits_ms.append(arrived["accepted_at"] - answered_ms)
    assert statistics.median(waits_ms) < 400
