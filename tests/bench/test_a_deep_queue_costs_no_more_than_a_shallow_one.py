"""The backlog benchmark's short form on the tests' database: claims and records at 10 and at 300 thousand queued deliveries.

Bounds are wide and of medians: other tests use the processors at the same time. The figures proper come from `bin/bench backlog`.
"""

import pytest

from tests.bench.backlog import SHORT_DEPTHS, in_turns
from tests.queue.house import House, connect


@pytest.mark.django_db(transaction=True)
def test_claims_and_throughput_with_300_thousand_queued() -> None:
    House.build()
    with connect() as raw:
        url = raw.info.dsn
    figures = in_turns(url, SHORT_DEPTHS, 60)
    assert figures["claim_p50_ms_300000"] < 25
    assert figures["claim_p50_ms_300000"] < 3 * figures["claim_p50_ms_10000"]
    assert figures["throughput_ratio"] > 0.5
