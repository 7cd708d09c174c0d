"""Every kind of fault once, at full speed, on a platform of its own: nothing is lost, and what went twice is explained one by one."""

import pytest

from tests.bench import crash


@pytest.mark.long
def test_each_fault_leaves_nothing_lost_and_nothing_unexplained() -> None:
    figures = crash.run(short=True)
    assert figures["lost"] == 0
    assert figures["doubled_unexplained"] == 0
    assert figures["recovery_s"] < crash.NO_RECOVERY_S
