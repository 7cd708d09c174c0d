"""One measured run of anybody: inject, wait for the sink, count.

The clock starts before the first injection and ends when the sink has counted the last message. CPU and memory are taken until the
system under test is idle again, so that what it does after the last delivery (recording it) is its own cost. What the sink has beyond what
was injected went twice: it is counted in the run, and whoever runs it says whether that may be.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tests.bench.peers.sink import Sink
from tests.bench.peers.usage import Groups, PeakMemory, cpu_s

LOOK_EVERY_S = 0.005
STALLED_S = 150.0


class System(Protocol):
    """What is measured."""

    def groups(self) -> Groups: ...
    def is_idle(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to; rates are messages a second."""

    messages: int
    accepted_per_s: float
    messages_per_s: float
    cpu_ms: dict[str, float] = field(default_factory=dict)  # a message, by group of processes
    peak_mb: float = 0.0
    fsyncs: float | None = None  # a message, where the system tells
    doubled: int = 0
    note: str = ""

    @property
    def cpu_ms_per_message(self) -> float:
        return sum(self.cpu_ms.values())


def measure(system: System, sink: Sink, count: int, inject: Callable[[], None], not_counted: frozenset[str] = frozenset()) -> Run:
    """`inject` returns when everything is accepted."""
    accepted_at: list[float] = []
    failed: list[BaseException] = []

    def injecting() -> None:
        try:
            inject()
        except BaseException as error:
            failed.append(error)
        accepted_at.append(time.monotonic())

    first = sink.count()
    with PeakMemory(lambda: [each for name, some in system.groups().items() if name not in not_counted for each in some]) as memory:
        before = cpu_s(system.groups())
        thread = threading.Thread(target=injecting, daemon=True)
        began = time.monotonic()
        thread.start()
        ended = _until_all_arrived(sink, first + count, failed)
        thread.join()
        while not system.is_idle():
            time.sleep(0.02)
        after = cpu_s(system.groups())
    doubled = sink.count() - first - count
    cpu_ms = {name: (after[name] - before[name]) * 1000 / count for name in after if name not in not_counted}
    return Run(count, count / (accepted_at[0] - began), count / (ended - began), cpu_ms, memory.mb, doubled=doubled)


def _until_all_arrived(sink: Sink, wanted: int, failed: list[BaseException]) -> float:
    seen, moved_at = -1, time.monotonic()
    while True:
        count, now = sink.count(), time.monotonic()
        if count >= wanted:
            return now
        if count != seen:
            seen, moved_at = count, now
        if failed:
            raise failed[0]
        assert now - moved_at < STALLED_S, f"nothing has arrived for {STALLED_S:.0f} s; {wanted - count:,} are missing"
        time.sleep(LOOK_EVERY_S)
