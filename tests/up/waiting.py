"""Wait by looking, never by a fixed time."""

import time
from collections.abc import Callable
from typing import Any


def wait_until(condition: Callable[[], Any], within_s: float) -> Any:
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {within_s} s in vain"
        time.sleep(0.05)
    return value
