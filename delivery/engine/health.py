"""Health: how the node is, as this engine sees it: CPU, memory, and how long its own loop hung. Smoothed, so that no auction flaps with it."""

import psutil

from delivery.engine.score import Health

NEW_WEIGHT = 0.3


def measure(former: Health, loop_gap_ms: float) -> Health:
    """The last second's figures on top of the former ones. A hanging loop counts at once, and fades."""
    cpu, memory = psutil.cpu_percent(None) / 100, psutil.virtual_memory().percent / 100
    gap_ms = max(loop_gap_ms, former.loop_gap_ms * (1 - NEW_WEIGHT))
    return Health(former.cpu + NEW_WEIGHT * (cpu - former.cpu), former.memory + NEW_WEIGHT * (memory - former.memory), gap_ms)
