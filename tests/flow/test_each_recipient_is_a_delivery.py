"""To, Cc and Bcc: a delivery each, one recipient a transaction, and nobody sees who was in Bcc."""

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh, small_domain


def test_each_gets_its_own_and_bcc_stays_secret(platform: Platform) -> None:
    to, cc, bcc = (f"{role}{fresh()}@{small_domain()}" for role in ("to", "cc", "bcc"))
    message = platform.send([to], cc=f"A Colleague <{cc}>", bcc=[bcc])
    wait_until(lambda: {d["state"] for d in platform.message(message)["deliveries"]} == {"delivered"}, 30, "all were delivered")
    deliveries = {delivery["role"]: delivery for delivery in platform.message(message)["deliveries"]}
    assert {role: delivery["to"] for role, delivery in deliveries.items()} == {"to": to, "cc": cc, "bcc": bcc}
    senders = set()
    for role, address in (("to", to), ("cc", cc), ("bcc", bcc)):
        (arrived,) = platform.arrived(deliveries[role]["id"])
        assert arrived["rcpt"] == address
        seen = platform.sandbox(f"/api/message/{arrived['n']}")
        headers = {name.lower(): value for name, value in seen["headers"]}
        assert "bcc" not in headers and bcc not in str(seen["headers"])
        assert to in headers["to"] and cc in headers["cc"]
        senders.add(arrived["mail_from"])
    assert len(senders) == 3  # a return path each, so that a bounce names its delivery
