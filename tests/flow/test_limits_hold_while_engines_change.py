"""The limits benchmark in short: four engines, 20 IPs, an engine killed, one frozen, an IP moved, and providers that count."""

import pytest

from tests.bench import limits


@pytest.mark.long
def test_no_provider_counts_a_violation_while_owners_change() -> None:
    figures = limits.run(short=True)
    assert figures["violations"] == 0
    assert figures["used_share"] > 0.25, "in 15 seconds beside other tests, three faults among them; the long form is held to 0.9"
