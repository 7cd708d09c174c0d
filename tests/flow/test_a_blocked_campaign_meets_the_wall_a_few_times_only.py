"""A campaign that a provider blocks: a few canaries find out whether it is the sending IP or the content, while the rest waits."""

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh, small_domain

FINAL = "SELECT coalesce(final, 'queued'), count(*) FROM delivery_delivery WHERE id = ANY(%s::uuid[]) GROUP BY 1"
STATE = """
    SELECT b.state FROM delivery_campaignblock b JOIN pools_domainprovider d ON d.provider_id = b.provider_id WHERE d.domain = %s ORDER BY b.id DESC LIMIT 1
"""
REFUSED = "SELECT count(*), count(DISTINCT a.ip_id) FROM delivery_attempt a WHERE a.reason LIKE 'block.%%' AND a.id >= %s::uuid AND a.id <= %s::uuid"
HELD = "SELECT count(*) FROM delivery_waiting WHERE why = 'hold' AND scope LIKE 'campaign %%' AND id = ANY(%s::uuid[])"

LEFT = "SELECT a.sentence FROM pools_action a JOIN pools_domainprovider d USING (provider_id) WHERE d.domain = %s AND a.id > %s"


def _campaign(platform: Platform, *to: str) -> list[str]:
    common = {"from": platform.address(), "subject": f"Offer {fresh()}", "text": "Hello all", "stream": "marketing"}
    status, answer = platform.client().post("/api/v1/messages/batch", {"messages": [{**common, "to": one} for one in to]})
    assert status == 202, answer
    return [delivery["id"] for message in answer["messages"] for delivery in message["deliveries"]]


def _others(platform: Platform, domain: str) -> list[str]:
    """Other mail goes there; the sending IPs that delivered it, the busiest first."""
    sent = [platform.send(f"{fresh()}@{domain}", subject=fresh(), text=f"News {fresh()}", stream="marketing") for _ in range(12)]
    ips = [platform.until(message, "delivered")["attempts"][-1]["sending_ip"] for message in sent]
    return sorted(set(ips), key=ips.count, reverse=True)


def test_a_blocked_ip_stops_no_campaign(forgetful: Platform) -> None:
    domain = small_domain()
    forgetful.control("break", ip=_others(forgetful, domain)[0], provider=domain, mode="block")
    ids = _campaign(forgetful, *(f"user{n}@{domain}" for n in range(300)))
    wait_until(lambda: forgetful.rows(FINAL, ids) == [("delivered", 300)], 60, "all were delivered")
    refused, ips = forgetful.rows(REFUSED, min(ids), max(ids)[:-2] + "ff")[0]
    print(f"\n{refused} were refused along {ips} paths")
    assert forgetful.rows(STATE, domain) == [("ip",)]
    assert refused <= 30


def test_blocked_content_is_held_and_the_paths_keep_their_good_name(forgetful: Platform) -> None:
    domain, last = small_domain(), forgetful.rows("SELECT coalesce(max(id), 0) FROM pools_action")[0][0]
    _others(forgetful, domain)
    ids = _campaign(forgetful, *(f"block+{n}@{domain}" for n in range(200)))
    wait_until(lambda: _others(forgetful, domain) and forgetful.rows(STATE, domain) == [("content",)], 90, "it was told for its content")
    wait_until(lambda: forgetful.rows(HELD, ids)[0][0] > 150, 60, "it was held")
    refused, ips = forgetful.rows(REFUSED, min(ids), max(ids)[:-2] + "ff")[0]
    print(f"\n{refused} were refused along {ips} paths")
    assert refused <= 40
    assert forgetful.rows("SELECT count(*) FROM shell_notice WHERE kind = 'campaign_held' AND cleared_at IS NULL") == [(1,)]
    forgetful.until(forgetful.send(f"{fresh()}@{domain}", subject=fresh()), "delivered")
    assert forgetful.rows(LEFT, domain, last) == [], "no sending IP left for it"
