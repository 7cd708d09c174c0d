"""An agent's excuse for who is silent because its machine has no processor left: pure, but for a figure of the kernel's."""

import os
import subprocess
import sys
import time

from monitoring.judge import Judgement, Opinion
from monitoring.processes import Process, hold
from monitoring.starving import LEFT_S, Starving


class Waits(Process):
    """A process whose kernel says how long it has waited."""

    def __init__(self) -> None:
        super().__init__(1, -1)
        self.told: float | None = 0.0

    def waited_s(self) -> float | None:
        return self.told


def silent(judge: Starving, process: Waits, for_s: float, renewal: str = "r1") -> bool:
    return judge.excuses(Judgement(7, Opinion.SILENT if for_s >= 0.7 else Opinion.SUSPECTED, for_s, 10), process, renewal)


def test_who_waits_for_a_processor_is_left_alone_for_a_while() -> None:
    judge, process = Starving(), Waits()
    for step in range(8):
        process.told = 0.05 * step * 0.6
        assert silent(judge, process, 0.35 + 0.05 * step) == (step == 7)
    process.told += 3.0
    assert not silent(judge, process, LEFT_S)


def test_who_is_stopped_sleeps_or_runs_has_not_waited() -> None:
    judge, process = Starving(), Waits()
    process.told = 12.0
    assert not silent(judge, process, 0.4)
    process.told += 0.05
    assert not silent(judge, process, 0.75)


def test_each_silence_is_counted_anew() -> None:
    judge, process = Starving(), Waits()
    silent(judge, process, 0.6)
    process.told = 5.0
    assert not silent(judge, process, 0.4, "r2")
    assert not silent(judge, process, 0.75, "r2")


def test_where_the_kernel_does_not_say_everybody_is_frozen() -> None:
    judge, process = Starving(), Waits()
    process.told = None
    assert not silent(judge, process, 0.4) and not silent(judge, process, 0.75)


def test_a_thread_that_waits_while_the_main_one_sleeps_counts() -> None:
    """It may have the interpreter's lock in its hands, and the others sleep until it runs."""
    core = min(os.sched_getaffinity(0))
    busy = f"import os, threading, time\nos.sched_setaffinity(0, {{{core}}})\ndef burn():\n    while True: pass\n"
    rival = subprocess.Popen([sys.executable, "-c", busy + "burn()"])
    starved = subprocess.Popen([sys.executable, "-c", busy + "threading.Thread(target=burn, daemon=True).start()\ntime.sleep(60)"])
    process = hold(starved.pid)
    try:
        until_s = time.monotonic() + 20
        while (process.waited_s() or 0.0) < 0.2:
            assert time.monotonic() < until_s, "nothing that it waited for was counted"
            time.sleep(0.02)
    finally:
        for one in (rival, starved):
            one.kill()
            one.wait()
        process.release()
