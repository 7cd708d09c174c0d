"""A block list names one of our IPs: the platform knows within seconds, and knows as soon when that is over."""

import time

import pytest

from tests.flow.platform import Platform, wait_until

ZONE = "bl.spamcop.net"  # one that lowers a score and takes nobody out: other tests need the IP
OPEN = """
    SELECT l.severity FROM pools_listing l JOIN pools_sendingip ip ON ip.id = l.ip_id
     WHERE l.cleared_at IS NULL AND host(ip.address) = '127.10.1.3' AND l.zone = %s
"""


@pytest.mark.long
def test_a_listing_comes_and_goes_within_ten_seconds(platform: Platform) -> None:
    def listed() -> list[object]:
        with platform.database() as connection:
            return [row[0] for row in connection.execute(OPEN, [ZONE]).fetchall()]

    def every_name_is_right() -> bool:
        with platform.database() as connection:
            return connection.execute("SELECT bool_and(state = 'ok') FROM pools_addresscheck").fetchone()[0] is True

    assert listed() == []
    platform.control(action="dnsbl_add", ip="127.10.1.3", zone="spamcop")
    try:
        began = time.monotonic()
        wait_until(lambda: listed() == ["warning"], 20, "the listing was seen")
        seen_after_s = time.monotonic() - began
    finally:
        platform.control(action="dnsbl_remove", ip="127.10.1.3", zone="spamcop")
    began = time.monotonic()
    wait_until(lambda: not listed(), 20, "its end was seen")
    assert max(seen_after_s, time.monotonic() - began) < 10
    wait_until(every_name_is_right, 20, "each sending IP's name leads back to it")
