"""Sending IPs that a provider refuses: what they held goes along others without waiting for a retry, and no attempt is counted."""

import statistics

import pytest

from delivery.engine.world import FALLBACK_HANDICAP_MS
from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh, small_domain

FINAL = "SELECT coalesce(final, 'queued'), count(*) FROM delivery_delivery WHERE id = ANY(%s::uuid[]) GROUP BY 1"
COUNTED = "SELECT count(*) FROM delivery_attempt WHERE verdict = 'deferred' AND id >= %s::uuid AND id <= %s::uuid"
# From the end of a rerouted attempt to the beginning of the next one's conversation.
WAITED_MS = """
    SELECT extract(epoch FROM n.started_at - a.started_at) * 1000 - (SELECT coalesce(sum(value::float8), 0) FROM jsonb_each_text(a.timings)), a.ip_id = n.ip_id
      FROM delivery_attempt a
      JOIN delivery_attempt n ON n.id = (left(a.id::text, 34) || lpad(to_hex(('x' || right(a.id::text, 2))::bit(8)::int + 1), 2, '0'))::uuid
     WHERE a.verdict = 'rerouted' AND a.id >= %s::uuid AND a.id <= %s::uuid
"""


@pytest.mark.parametrize("mode", ["refuse", "reset"])
def test_it_waits_for_no_retry(forgetful: Platform, mode: str) -> None:
    domain = small_domain()
    common = {"from": forgetful.address(), "text": "Hello", "stream": "transactional"}
    forgetful.until(forgetful.send(f"hello@{domain}"), "delivered")
    for ip in ("127.10.1.1", "127.10.2.1"):
        forgetful.control("break", ip=ip, provider=domain, mode=mode)
    batch = [{**common, "to": f"user{n}@{domain}", "subject": fresh()} for n in range(300)]
    status, answer = forgetful.client().post("/api/v1/messages/batch", {"messages": batch})
    assert status == 202
    ids = sorted(delivery["id"] for message in answer["messages"] for delivery in message["deliveries"])
    wait_until(lambda: forgetful.rows(FINAL, ids) == [("delivered", 300)], 60, "all were delivered")
    waited = [(float(ms), same) for ms, same in forgetful.rows(WAITED_MS, ids[0], ids[-1][:-2] + "ff")]
    if waited:
        print(f"\n{mode}: {len(waited)} were rerouted, the next path began after {statistics.median(ms for ms, _ in waited):.0f} ms (median)")
        assert not any(same for _, same in waited)
        # Both IPs of its pool are refused: the other engine's counts as open until it has met that itself, and as long a fallback's waits.
        assert statistics.median(ms for ms, _ in waited) < FALLBACK_HANDICAP_MS + 500
    assert len(waited) <= 10, "what only waited behind it met nobody's refusal"
    counted = forgetful.rows(COUNTED, ids[0], ids[-1][:-2] + "ff")
    assert counted == [(0,)]
