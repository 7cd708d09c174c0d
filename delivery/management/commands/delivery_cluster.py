"""A node's django-q2 cluster that runs engines: `qcluster`, and on SIGTERM its engines drain first.

django-q2 stops a cluster by waiting for its workers, and an engine works for an hour: so the cluster's parent, the only one that is signalled,
asks its node's engines to drain (each hears it with its next lease renewal) and stops when they have.
"""

import os
import threading
import time
from types import FrameType

from django.conf import settings
from django.core.management.base import BaseCommand
from django_q.cluster import Cluster
from psycopg import Error

from mailplatform.shell.database.connect import connect

DRAIN = "UPDATE delivery_engine e SET draining = true FROM pools_node n WHERE n.id = e.node_id AND n.name = %s"


class DeliveryCluster(Cluster):
    """Signal handlers may run anywhere in the main thread: what they do happens in a thread of its own."""

    def sig_handler(self, signum: int, frame: FrameType | None) -> None:
        if self.sentinel is not None and os.getpid() != self.pid:
            return  # inherited by a child that was signalled too: only the parent decides
        threading.Thread(target=drain_engines, args=(settings.NODE,), daemon=True).start()
        super().sig_handler(signum, frame)


def drain_engines(node: str) -> None:
    """Ask the node's engines to finish what they have begun and end; again until this process ends, for one may just be starting."""
    while True:
        try:
            with connect(settings.DATABASE_URL, connect_timeout=2) as connection:
                connection.execute(DRAIN, [node])
        except Error:
            pass  # without a database there is no lease: they stop by themselves
        time.sleep(0.5)


class Command(BaseCommand):
    help = "Run this node's delivery cluster (NODE and Q_CLUSTER_NAME in the environment)."

    def handle(self, *args: object, **options: object) -> None:
        DeliveryCluster().start()
