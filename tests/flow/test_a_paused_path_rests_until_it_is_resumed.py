"""What an operator pauses sends nothing, the waiting mail says so, and it goes on within seconds of being resumed."""

from tests.flow.platform import Platform, wait_until

PAUSE = """
    INSERT INTO pools_path (ip_id, provider_id, state, score, why, learned, circuit_failures, open_connections, updated_at)
    SELECT ip.id, p.id, 'paused', 100, '', '{}', 0, 0, now() FROM pools_sendingip ip, pools_provider p WHERE p.key = 'gmx_webde'
    ON CONFLICT (ip_id, provider_id) DO UPDATE SET state = 'paused'
"""
RESUME = "UPDATE pools_path SET state = 'open' WHERE provider_id = (SELECT id FROM pools_provider WHERE key = 'gmx_webde')"


def test_mail_waits_for_a_paused_path_and_says_so(platform: Platform) -> None:
    with platform.database() as connection:
        connection.execute(PAUSE)
    try:
        wait_until(lambda: _waits_for(platform, platform.send("fine@gmx.net")) == "path", 30, "mail waits for a path")
    finally:
        with platform.database() as connection:
            connection.execute(RESUME)
    wait_until(lambda: platform.queued() == 0, 20, "what waited was sent")
    platform.until(platform.send("fine@gmx.net"), "delivered")


def _waits_for(platform: Platform, message: str) -> str:
    """Once it is with no engine any more: an engine may not have heard of the pause yet."""
    wait_until(lambda: platform.delivery(message)["state"] != "sending", 20, "it is with no engine")
    waits = platform.delivery(message)["waiting_for"]
    return str(waits["what"]) if waits else ""
