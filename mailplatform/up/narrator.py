"""What the terminal is told about programs that died: who, how, that it was started again, and where its log is.

A pure teller but for reading supervisord's log: how a program ended ("terminated by SIGKILL") stands nowhere else once it runs
again. A program that fails again and again is told of three times, then once a minute.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mailplatform.up.supervisor import Sight

_EXIT = re.compile(r"exited: (\S+) \(([^;)]*)")
OFTEN = 3
PAUSE_S = 60.0


@dataclass
class _Known:
    pid: int = 0
    failures: int = 0
    last_told_s: float = float("-inf")
    running: bool = False


class Narrator:
    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.file = logs / "supervisord.log"
        self.read_to = 0
        self.how: dict[str, str] = {}
        self.programs: dict[str, _Known] = {}

    def tell(self, sights: Iterable[Sight], now_s: float) -> Iterator[str]:
        self._hear_exits()
        for sight in sights:
            known = self.programs.setdefault(sight.name, _Known(sight.pid, running=sight.state == "RUNNING"))
            died = bool(known.pid) and sight.pid != known.pid
            known.pid = sight.pid or known.pid * (not died)
            if died or (sight.state in ("FATAL", "BACKOFF") and not known.running):
                known.failures += 1
                if known.failures <= OFTEN or now_s - known.last_told_s >= PAUSE_S:
                    known.last_told_s = now_s
                    yield self._sentence(sight)
            if sight.state == "RUNNING" and known.failures and not died:
                known.failures = 0
            known.running = sight.state == "RUNNING"

    def _sentence(self, sight: Sight) -> str:
        how = self.how.get(sight.name, "ended")
        what = "was started again" if sight.state in ("RUNNING", "STARTING") else "will be started again after a pause"
        return f"{sight.name}: {how}; it {what} (log: {self.logs}/{sight.name}.log)."

    def _hear_exits(self) -> None:
        try:
            with self.file.open("rb") as log:
                if self.file.stat().st_size < self.read_to:  # rotated
                    self.read_to = 0
                log.seek(self.read_to)
                text = log.read(200_000)
                self.read_to += len(text)
        except OSError:
            return
        self.how.update(dict(_EXIT.findall(text.decode(errors="replace"))))
