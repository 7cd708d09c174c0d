"""Heartbeat: a dead man's switch. Calls an outside URL as long as the platform is measured; whoever listens there tells people when the calls stop.

Only the acting process calls, and only when a tick was kept, and judged unless that is switched off, in the last minute. A call that fails is a problem on the
page and a notice.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

from mailplatform.shell.notices import clear_notice, raise_notice
from mailplatform.shell.secrets import CannotDecrypt, decrypt
from monitoring.metrics.models import MonitoringPolicy
from monitoring.metrics.policy import policy
from monitoring.metrics.read import measured_at
from monitoring.telling.message import NotTold
from monitoring.telling.request import ask

WORKED_WITHIN = timedelta(seconds=60)
LOOK_EVERY = timedelta(seconds=5)
NOTICE = "heartbeat"


class Heartbeat:
    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="heartbeat")
        self._call: Future[str] | None = None
        self._looked: datetime | None = None

    def step(self, at: datetime) -> None:
        if self._call is not None:
            if self._call.done():
                self._write(at, self._call)
                self._call = None
            return
        if self._looked is not None and timedelta() <= at - self._looked < LOOK_EVERY:
            return
        self._looked = at
        asked = policy()
        if not asked.heartbeat_url_encrypted:
            return
        if asked.heartbeat_at and at - asked.heartbeat_at < timedelta(seconds=asked.heartbeat_every_s):
            return
        worked = [measured_at(), *([asked.judged_at] if asked.judging else [])]
        if any(one is None or one <= at - WORKED_WITHIN for one in worked):
            return
        try:
            url = decrypt(asked.heartbeat_url_encrypted).decode()
        except CannotDecrypt as no:
            self._wrong(at, str(no))
            return
        self._call = self._thread.submit(ask, "GET", url)

    def _write(self, at: datetime, call: "Future[str]") -> None:
        try:
            call.result()
        except NotTold as no:
            self._wrong(at, str(no))
        else:
            MonitoringPolicy.objects.filter(pk=1).update(heartbeat_at=at, heartbeat_problem="")
            clear_notice(NOTICE, "")

    @staticmethod
    def _wrong(at: datetime, why: str) -> None:
        MonitoringPolicy.objects.filter(pk=1).update(heartbeat_at=at, heartbeat_problem=why)
        raise_notice(NOTICE, "", "warning", f"The heartbeat's URL cannot be called: {why}. Whoever listens there believes that monitoring is dead.")
