"""`send_at`: not before its time, soon after it; cancelled, never."""

from datetime import UTC, datetime, timedelta

from tests.flow.platform import Platform
from tests.flow.words import fresh, small_domain


def test_a_scheduled_message_goes_at_its_time(platform: Platform) -> None:
    at = datetime.now(UTC) + timedelta(seconds=3)
    message = platform.send(f"{fresh()}@{small_domain()}", send_at=at.isoformat())
    assert platform.delivery(message)["state"] == "scheduled"
    delivery = platform.until(message, "delivered")
    (arrived,) = platform.arrived(delivery["id"])
    assert at.timestamp() * 1000 <= arrived["accepted_at"] < at.timestamp() * 1000 + 10_000


def test_a_cancelled_message_never_goes(platform: Platform) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    message = platform.send([f"{fresh()}@{small_domain()}", f"{fresh()}@gmail.com"], send_at=at.isoformat())
    status, answer = platform.client().post(f"/api/v1/messages/{message}/cancel", {})
    assert (status, answer["cancelled"]) == (200, 2)
    assert [delivery["state"] for delivery in platform.message(message)["deliveries"]] == ["cancelled", "cancelled"]
    assert platform.make_due(message) == 0
    status, answer = platform.client().post(f"/api/v1/messages/{message}/cancel", {})
    assert (status, answer["cancelled"]) == (200, 0)
