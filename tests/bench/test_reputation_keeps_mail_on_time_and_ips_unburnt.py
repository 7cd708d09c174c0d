"""The reputation benchmark, shortest form: few IPs, few days, the platform's own functions against no action."""

from tests.bench.hidden.world import load
from tests.bench.reputation import Size, measure


def test_paths_in_trouble_are_left_in_time_and_welcome_ones_are_not() -> None:
    truth = load()
    truth["breaks"]["per_path_and_90_days"] *= 4  # so that a few days see some
    figures = measure(truth, 41, Size(seeds=2, ips=16, days=2, policies=("ours", "none", "fixed 0.5 h", "sweep")))
    assert figures["on_time_vs_none"] > 0.999
    assert figures["burnt_vs_fixed"] < 1
    assert figures["burnt_vs_sweep"] < 1
    assert figures["missed_share"] < 0.05
    assert figures["max_flaps_24h"] <= 2
