"""The caps benchmark in short: four engines, warming paths, kills near the ends of buckets, a node lost, a clock that jumps; providers count every window."""

import pytest

from tests.bench import caps


@pytest.mark.long
def test_no_rolling_window_holds_more_than_its_cap_whatever_dies() -> None:
    assert caps.run(short=True)["exceeded"] == 0
