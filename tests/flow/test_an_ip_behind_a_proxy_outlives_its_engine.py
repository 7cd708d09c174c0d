"""A sending IP behind a SOCKS5 proxy: kill -9 of its engine, and an engine of another zone sends from it; its own gets it back."""

import os
import signal
import time

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh, small_domain
from tests.smtp.test_egress_goes_through_a_socks5_proxy import Socks5

PROXIED, OTHER = "127.10.1.4", "127.10.2.4"  # the two IPs of the first tenant's pool
OWNER = """
    SELECT n.name, e.id, e.pid FROM delivery_iplease l JOIN pools_sendingip ip ON ip.id = l.ip_id JOIN delivery_engine e ON e.id = l.engine_id
      JOIN pools_node n ON n.id = e.node_id WHERE host(ip.address) = %s
"""

LAST = "SELECT host(ip.address) FROM delivery_attempt a JOIN pools_sendingip ip ON ip.id = a.ip_id ORDER BY a.started_at DESC LIMIT 1"


def owner(platform: Platform) -> str:
    return next((name for name, *_ in platform.rows(OWNER, PROXIED)), "")


def goes_through(platform: Platform, proxy: Socks5) -> None:
    """Mail goes through the proxy. The first message may not: it goes along the pool's other IPs while an engine has not yet read what it owns now."""
    asked = len(proxy.asked)

    def one_more() -> bool:
        platform.until(platform.send(f"{fresh()}@{small_domain()}"), "delivered", within_s=40)
        return len(proxy.asked) > asked

    wait_until(one_more, 30, "mail went through the proxy")


def goes_directly(platform: Platform, proxy: Socks5) -> bool:
    """Whether one more message leaves by the IP, and not through the proxy: who comes next shall not meet an engine that still believes in it."""
    asked = len(proxy.asked)
    platform.until(platform.send(f"{fresh()}@{small_domain()}"), "delivered", within_s=40)
    ((address,),) = platform.rows(LAST)
    return address == PROXIED and len(proxy.asked) == asked


def test_another_zones_engine_sends_from_it_until_its_own_is_back(platform: Platform) -> None:
    with Socks5() as proxy, platform.database() as database:
        set_egress = "UPDATE pools_sendingip SET egress = %s, proxy = %s WHERE host(address) = %s"
        set_state = "UPDATE pools_sendingip SET state = %s WHERE host(address) = %s"
        try:
            database.execute(set_egress, ["socks5", f"127.0.0.1:{proxy.port}", PROXIED])
            database.execute(set_state, ["paused", OTHER])
            wait_until(lambda: not platform.rows(OWNER, OTHER), 20, "the other IP was left alone")
            goes_through(platform, proxy)
            ((node, _, pid),) = platform.rows(OWNER, PROXIED)
            assert node == "north-1"
            os.kill(pid, signal.SIGKILL)
            killed_s = time.monotonic()
            wait_until(lambda: owner(platform) == "south-1", 15, "another took it over", every_s=0.01)
            print(f"taken over after {time.monotonic() - killed_s:.3f} s")
            goes_through(platform, proxy)
            wait_until(lambda: owner(platform) == "north-1", 40, "it was at home again")
            goes_through(platform, proxy)
        finally:
            database.execute(set_egress, ["bind", "", PROXIED])
            database.execute(set_state, ["active", OTHER])
            wait_until(lambda: goes_directly(platform, proxy), 30, "the IP sends without the proxy again")
