"""What the terminal is told about programs that died: who, how, that it was started again, and where its log is.

A pure teller but for reading supervisord's log: how a program ended ("terminated by SIGKILL") stands nowhere else once it runs
again. A program that fails again and again is told of three times, then once a minute.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mailplatform.up.supervisor import Sight

_EXIT = re.compile(r"exited: (\S+) \(([^;)]*)")
OFTEN = 3
PAUSE_S = 60.0


FAILING = ("BACKOFF", "FATAL")


@dataclass(slots=True)
class _Known:
    pid: int
    state: str
    failures: int = 0
    last_told_s: float = float("-inf")


class Narrator:
    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.file = logs / "supervisord.log"
        self.read_to = 0
        self.how: dict[str, str] = {}
        self.programs: dict[str, _Known] = {}

    def tell(self, sights: Iterable[Sight], now_s: float) -> list[str]:
        """What has befallen programs since the last look; the first look only learns who is there."""
        self._hear_exits()
        return [sentence for sight in sights if (sentence := self._befell(sight, now_s))]

    def _befell(self, sight: Sight, now_s: float) -> str:
        known = self.programs.setdefault(sight.name, _Known(sight.pid, sight.state))
        before = replace(known)
        known.state, known.pid = sight.state, sight.pid or known.pid
        if sight.state in FAILING and before.state not in FAILING:
            known.failures += 1
            if known.failures > OFTEN and now_s - known.last_told_s < PAUSE_S:
                return ""
            known.last_told_s = now_s
            return self._ended(sight, "will be started again after a pause")
        if sight.state == "RUNNING" and before.failures:
            known.failures = 0
            return f"{sight.name}: runs again."
        if before.pid and sight.pid not in (0, before.pid) and not before.failures:
            return self._ended(sight, "was started again")
        return ""

    def _ended(self, sight: Sight, what: str) -> str:
        return f"{sight.name}: {self.how.get(sight.name, 'ended')}; it {what} (log: {self.logs}/{sight.name}.log)."

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
