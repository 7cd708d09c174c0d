"""Rhythm: when a program looks next, and how it is told to stop.

Owns: the stop signals and the pause between looks. Promises: a pause ends at once for a signal or for a process that ends. Never:
catches up on missed looks: a late look is followed by a whole pause.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterable
from pathlib import Path

LOOK_EVERY_S = 0.050
FIRST = -10  # a nice value


def now_s() -> float:
    """The clock of judges: goes on while the machine sleeps, never jumps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def go_first() -> None:
    """Who looks and says that it lives does next to nothing, and must not wait for those that do much; where priority is refused it goes as all others."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, FIRST)
        # Where Linux groups tasks by session (sched(7), "The autogroup feature") that counts inside the session alone: our own goes first as a whole.
        if os.getsid(0) == os.getpid():
            Path("/proc/self/autogroup").write_text(str(FIRST))


class Rhythm:
    """Pauses that a signal ends."""

    def __init__(self) -> None:
        self.stopping = False
        self._bell, self._ringer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def obey_signals(self) -> None:
        """Stop on SIGTERM and SIGINT; only a program's main thread may ask for that."""
        signal.set_wakeup_fd(self._ringer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())

    def stop(self) -> None:
        self.stopping = True
        os.write(self._ringer, b"!")

    def pause(self, seconds: float, until_readable: Iterable[int] = ()) -> None:
        """Wait; a process whose pidfd is given ends the wait by ending."""
        if self.stopping:
            return
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        for descriptor in until_readable:
            poll.register(descriptor, select.POLLIN)
        poll.poll(max(0.0, seconds) * 1000)
