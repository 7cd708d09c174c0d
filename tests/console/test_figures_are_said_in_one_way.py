"""The shell's pure parts: formats, looks, drawings. No database."""

from datetime import UTC, datetime, timedelta

import pytest

from delivery.models import DeliveryState
from mailplatform.shell import charts, flow, formats
from mailplatform.shell.states import LOOKS, Look, look_of
from pools.models import Path, SendingIP
from pools.outcomes import Verdict

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0, "0 ms"), (0.0312, "31 ms"), (0.67, "0.67 s"), (1.3, "1.3 s"), (9.99, "10 s"), (59.6, "60 s"), (90, "2 min"), (3600, "60 min"),
     (7200, "2 h"), (86_400, "24 h"), (200_000, "2 days"), (-5, "0 ms")],
)  # fmt: skip
def test_durations(seconds: float | None, words: str) -> None:
    assert formats.duration(seconds).replace("\u00a0", " ") == words


@pytest.mark.parametrize(("size", "words"), [(None, "–"), (0, "0 bytes"), (999, "999 bytes"), (4_800, "4.8 KB"), (999_999, "1.0 MB"), (25_000_000, "25.0 MB")])
def test_sizes(size: int | None, words: str) -> None:
    assert formats.size(size).replace("\u00a0", " ") == words


def test_not_known_is_a_dash_and_never_nought() -> None:
    assert {formats.number(None), formats.percent(None), formats.percent(1, 0), formats.rate(None), formats.age(None, NOON), formats.clock(None)} == {"–"}
    assert formats.number("x") == "–"  # type: ignore[arg-type]
    assert formats.number(0) == "0" and formats.bounded(10_000) == "10,000+" and formats.bounded(9_999) == "9,999"


def test_ages_go_both_ways() -> None:
    assert formats.age(NOON - timedelta(minutes=6), NOON) == "6\u00a0min"
    assert formats.age(NOON + timedelta(minutes=6), NOON) == "in 6\u00a0min"
    assert formats.due(NOON - timedelta(minutes=6), NOON) == "now"


def test_every_state_has_a_look() -> None:
    words = [*DeliveryState.values, *Path.State.values, *SendingIP.State.values, *Verdict]
    assert [word for word in words if word not in LOOKS] == []
    assert look_of("backing off") == Look.LIMITED and look_of("probation, 25 %") == Look.WORKING and look_of("never heard of") == Look.STOPPED


def test_the_flow_loses_nothing_on_its_way() -> None:
    moved = [("transactional", "a", "google", 8), ("marketing", "a", "yahoo", 2), ("marketing", "b", "google", 5), ("x", "y", "z", 0)]
    links = [flow.Link(*one) for one in moved]
    order = (["transactional", "marketing"], ["a", "b"], ["google", "yahoo"])
    for narrow in (False, True):
        drawing = flow.draw(links, {}, order, narrow)
        heights = [sum(bar.height for bar in column) for column in drawing.columns]
        assert max(heights) - min(heights) < 0.5
        assert all(bar.y >= 0 and bar.y + bar.height <= drawing.height for column in drawing.columns for bar in column)
        assert [ribbon.look for ribbon in drawing.ribbons] == ["marketing", "transactional"]


def test_a_name_is_cut_where_it_makes_sense() -> None:
    assert flow.shortened("Gmail / Google Workspace", 13) == "Gmail" and flow.shortened("Microsoft 365", 13) == "Microsoft 365"
    assert flow.shortened("Broadcom/Symantec Email Security.cloud", 13) == "Broadcom/Sym…"


def test_an_empty_flow_and_an_empty_chart_are_said_not_drawn() -> None:
    assert flow.draw([], {}, ([], [], [])).ribbons == ()
    assert "Nothing to draw yet" in charts.render(charts.Chart("Rate", "Nothing.", [], []))


def test_a_sparkline_has_gaps_and_no_style() -> None:
    drawn = charts.sparkline([1, None, 3, 0], label="three values")
    assert "style" not in drawn and "three values" in drawn and drawn.count("<circle") == 1
    assert charts.sparkline([None, 1]) == ""


def test_a_chart_carries_its_data_and_its_words() -> None:
    drawn = charts.render(charts.Chart("<b>Rate", "It <grew>.", [NOON], [charts.Series("all", [1.5, None])]))
    assert "&lt;b&gt;Rate" in drawn and 'aria-label="It &lt;grew&gt;."' in drawn and "1795348800" in drawn.replace("&quot;", '"')
