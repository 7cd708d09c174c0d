"""A marketing message arrives with an unsubscribe button, which only a holding signature over both fields brings; pressing it stops that mail at once."""

import re
import urllib.request

from tests.flow.platform import Platform
from tests.flow.words import fresh


def test_a_click_in_the_mailbox_ends_the_streams_mail(platform: Platform) -> None:
    to, theirs = f"{fresh()}@gmail.com", f"{fresh()}@gmail.com"
    delivery = platform.until(platform.send(to, stream="marketing"), "delivered")
    platform.until(platform.send(theirs, stream="marketing"), "delivered")
    n = platform.arrived(delivery["id"])[0]["n"]
    arrived = platform.sandbox(f"/api/message/{n}")
    names = [name.lower() for name, _ in arrived["headers"]]
    assert names.count("list-unsubscribe") == 1 == names.count("list-unsubscribe-post") and "feedback-id" in names
    assert arrived["dkim"] and all(verdict["passed"] for verdict in arrived["dkim"])
    covered = [re.sub(r"\s", "", value) for name, value in arrived["headers"] if name.lower() == "dkim-signature"]
    assert all("list-unsubscribe:" in value and "list-unsubscribe-post" in value for value in covered)
    with urllib.request.urlopen(urllib.request.Request(f"http://{platform._sandbox}/message/{n}/unsubscribe", b""), timeout=15) as answer:
        assert "answered 200" in answer.read().decode()
    again = platform.message(platform.send(to, stream="marketing"))["deliveries"][0]
    assert (again["state"], again["reason"]) == ("suppressed", "suppressed.unsubscribe")
    assert [event["kind"] for event in platform.message(delivery["id"][:-6] + "000000")["events"]] == ["unsubscribed"]
    platform.until(platform.send(to), "delivered")
    platform.until(platform.send(theirs, stream="marketing"), "delivered")
