"""Verdicts: what is asked is compared with what was measured, and what is not known is missed."""

from monitoring.drills.objectives import judge, verdict

ASKED = {"detect_ms": 2000, "reroute_ms": 1000, "recovery_s": 15, "point_s": None, "late_max": None, "lost_max": 0, "doubled_max": 0}
GOOD = {"found_ms": 900, "rerouted_ms": 40, "recovery_ms": 4000, "in_hand": 12, "lost": 0, "doubled": 0}


def test_a_run_within_its_objectives_passes() -> None:
    lines = judge(ASKED, GOOD)
    assert [(line.name, line.measured) for line in lines] == [
        ("Detected within", 900), ("Rerouted within", 40), ("Recovery time", 4), ("Lost at most", 0), ("Doubled at most", 0),
    ]  # fmt: skip
    assert verdict(lines) == "passed"


def test_one_that_is_too_slow_says_which_it_missed() -> None:
    lines = judge(ASKED, GOOD | {"recovery_ms": 15_001})
    assert [line.name for line in lines if not line.met] == ["Recovery time"]
    assert verdict(lines) == "missed"


def test_a_lost_delivery_misses() -> None:
    assert verdict(judge(ASKED, GOOD | {"lost": 1})) == "missed"


def test_what_was_asked_and_is_not_known_is_missed() -> None:
    assert verdict(judge(ASKED, {})) == "missed"


def test_rerouting_is_not_asked_where_nothing_was_in_anybodys_hands() -> None:
    lines = judge(ASKED, GOOD | {"in_hand": 0, "rerouted_ms": None})
    assert "Rerouted within" not in [line.name for line in lines]
    assert verdict(lines) == "passed"
