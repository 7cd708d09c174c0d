"""What a system under test uses: CPU by group of processes, and memory.

CPU is user and system time of every living process and of the children it has waited for, so that processes that came and went
between two looks are counted once. Memory is the sum of PSS (a shared page counts once), looked at every two seconds; the peak is
the highest sum seen.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

EVERY_S = 2.0
Groups = dict[str, list[psutil.Process]]


def cpu_s(groups: Groups) -> Counter[str]:
    """CPU seconds so far of each group."""
    spent: Counter[str] = Counter()
    for name, processes in groups.items():
        for process in processes:
            with contextlib.suppress(psutil.Error):
                spent[name] += sum(process.cpu_times()[:4])  # user, system, and both of children waited for
    return spent


def memory_mb(processes: Iterable[psutil.Process]) -> float:
    """Sum of PSS, in megabytes of 10^6 bytes."""
    return sum(map(_pss_kb, processes)) * 1024 / 1e6


def tree(root: int) -> list[psutil.Process]:
    """A process and everything below it."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    return []


def _pss_kb(process: psutil.Process) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


class PeakMemory:
    """Looks at the memory of `of()` while the block runs."""

    def __init__(self, of: Callable[[], Iterable[psutil.Process]]) -> None:
        self._of = of
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.mb = 0.0

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()
        self.mb = max(self.mb, memory_mb(self._of()))

    def _look(self) -> None:
        while not self._over.wait(EVERY_S):
            self.mb = max(self.mb, memory_mb(self._of()))
