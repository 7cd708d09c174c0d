from collections.abc import Iterator

import pytest

from delivery.submit import facts
from pools.neighbours import policy


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """What processes remember for two seconds is of another test's world."""
    policy.forget_cached()
    facts.forget_cached()
    yield
    policy.forget_cached()
    facts.forget_cached()
