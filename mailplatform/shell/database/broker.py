"""django-q2's broker, in the database: a cluster that loses it asks again, instead of ending its pusher and resting for ten seconds."""

from time import sleep
from typing import Any

from django.db import Error, connection
from django_q.brokers.orm import ORM

from mailplatform.shell.database.away import is_away

AGAIN_S = 0.3


class PatientBroker(ORM):  # type: ignore[misc]
    def dequeue(self) -> Any:
        try:
            return super().dequeue()
        except Error as error:
            if not is_away(error):
                raise
            connection.close()
            sleep(AGAIN_S)
            return None
