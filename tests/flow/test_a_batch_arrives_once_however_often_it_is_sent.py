"""1,000 messages to 40 domains in one request; the same request again, by its Idempotency-Key, is answered and not repeated."""

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh


def test_a_thousand_messages_arrive_once(platform: Platform) -> None:
    run = fresh()
    common = {"from": platform.address(), "text": "Hello", "stream": "notification"}
    batch = {"messages": [{**common, "to": f"user{n}@{run}-{n % 40}.example", "subject": f"{n}"} for n in range(1000)]}
    client = platform.client()
    status, first = client.post("/api/v1/messages/batch", batch, Idempotency_Key=run)
    assert status == 202
    status, again = client.post("/api/v1/messages/batch", batch, Idempotency_Key=run)
    assert (status, again) == (202, first)
    batch["messages"][0]["subject"] = "another"
    assert client.post("/api/v1/messages/batch", batch, Idempotency_Key=run)[0] == 422

    ids = [delivery["id"] for message in first["messages"] for delivery in message["deliveries"]]
    assert len(set(ids)) == 1000
    final = "SELECT final, count(*) FROM delivery_delivery WHERE id = ANY(%s::uuid[]) GROUP BY 1"
    wait_until(lambda: platform.rows(final, ids) == [("delivered", 1000)], 90, "all were delivered", every_s=0.3)
    arrivals = platform.arrivals()
    assert {arrivals.get(delivery, 0) for delivery in ids} == {1}
