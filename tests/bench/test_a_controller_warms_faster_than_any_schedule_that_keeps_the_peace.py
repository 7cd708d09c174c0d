"""The short form of `bin/bench warmup`: few IPs in both hidden worlds, the goals as they are. Nothing of it is tuned to these few."""

import json
from pathlib import Path

import pytest

from tests.bench.warmup import OTHER, OURS, TRUTH, best_fixed, compared, simulated

IPS, DAYS = 12, 45


@pytest.mark.parametrize("truth", [TRUTH, OTHER], ids=["truth", "other"])
def test_full_volume_comes_sooner_and_no_more_mail_is_blocked(truth: Path) -> None:
    hidden = json.loads(truth.read_text(encoding="utf-8")) | {"ips": IPS, "days": DAYS}
    outcome = simulated(hidden, 5, processes=1)
    figures = compared(hidden, outcome)
    assert best_fixed(outcome) != OURS and outcome.told[1].min() >= 0
    assert figures["days_vs_best_fixed"] <= 0.8
    assert figures["blocked_vs_best_fixed_clean"] <= 1.1
    assert outcome.block_rate(OURS) <= 0.002
