"""django-q2's broker, in the database: a cluster that loses it asks again, instead of ending its pusher and resting for ten seconds."""

import time
from time import sleep
from typing import Any

from django.db import Error, connection
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.signing import SignedPackage

from mailplatform.shell.database.away import is_away

AGAIN_S = 0.3
BEAT_EVERY_S = 5.0
_BEAT = """
INSERT INTO shell_clusterbeat (name, at, host, pid, workers, reborn) VALUES (%s, platform_now(), %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET at = excluded.at, host = excluded.host, pid = excluded.pid, workers = excluded.workers, reborn = excluded.reborn
"""


class PatientBroker(ORM):  # type: ignore[misc]
    _beat_due_s = 0.0

    def set_stat(self, key: str, value: str, timeout: int) -> Any:
        """A cluster's guard says twice a second how it is; now and then that becomes its sign of life, which others can read."""
        if (now_s := time.monotonic()) >= self._beat_due_s:
            self._beat_due_s = now_s + BEAT_EVERY_S
            self._beat(value)
        return super().set_stat(key, value, timeout)

    def _beat(self, value: str) -> None:
        stat = SignedPackage.loads(value)
        try:
            with connection.cursor() as cursor:
                cursor.execute(_BEAT, [Conf.CLUSTER_NAME, stat.host, stat.pid, len(stat.workers), stat.reincarnations])
        except Error:  # the next one will do; its silence says the rest
            connection.close()

    def dequeue(self) -> Any:
        try:
            return super().dequeue()
        except Error as error:
            if not is_away(error):
                raise
            connection.close()
            sleep(AGAIN_S)
            return None
