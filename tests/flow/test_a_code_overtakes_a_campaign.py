"""Purpose before age: a transactional message does not wait for the campaign that was there before it, at the same provider."""

import time

from delivery.queue.wake import notify
from mailplatform.up.postgres import EmbeddedPostgres
from tests.bench.queue.campaigns import Sender, load
from tests.flow.platform import Platform, wait_until
from tests.flow.words import small_domain

DELIVERIES = 1_500
STREAM = """
    SELECT t.id, s.id, s.pool_id, d.id FROM tenants_tenant t JOIN pools_stream s ON s.tenant_id = t.id JOIN tenants_sendingdomain d ON d.tenant_id = t.id
     WHERE t.name = 'harbour' AND s.purpose = 0
"""
KNOWN = "SELECT provider_id FROM pools_domainprovider WHERE domain = %s"
CAMPAIGN_LEFT = "SELECT (SELECT count(*) FROM delivery_ready WHERE purpose = 2) + (SELECT count(*) FROM delivery_claimed WHERE purpose = 2)"


def test_a_code_is_there_while_the_campaign_drains(platform: Platform) -> None:
    domain = small_domain()
    platform.until(platform.send(f"first@{domain}"), "delivered")
    assert platform.rows(KNOWN, domain), "the campaign goes to a domain that is sorted"
    tenant, stream, pool, sending_domain = platform.rows(STREAM)[0]
    # Through the transactional stream's own pool: the same paths and connections.
    load(EmbeddedPostgres(platform.data).url, [Sender(tenant, stream, pool, sending_domain)], [domain], DELIVERIES, processes=0)
    with platform.database() as connection:
        notify(connection)
    wait_until(lambda: platform.rows(CAMPAIGN_LEFT)[0][0] < DELIVERIES, 20, "the campaign was on its way")
    sent_at = time.monotonic()
    platform.until(platform.send(f"code@{domain}"), "delivered", within_s=10)
    took_s, left = time.monotonic() - sent_at, platform.rows(CAMPAIGN_LEFT)[0][0]
    assert left > DELIVERIES / 10, f"the campaign was over too soon to tell: {left} left after {took_s:.1f} s"
