"""Start: from a django-q2 task to a running engine and back.

Checklist: enter the slot (or leave at once: somebody is there), open the journal, take the lease, run, and by how it ended keep the
journal for the agent or remove it.
"""

import os
import signal
from pathlib import Path

import structlog
import uvloop
from django.conf import settings
from psycopg import Connection

from delivery.engine.database import Database
from delivery.engine.engine import Engine
from delivery.engine.hands import Hands
from delivery.engine.journal import Journal, ended_here
from delivery.engine.lease import Lease, lease_connection
from delivery.engine.setup import Setup
from delivery.queue.fence import connections_ended, register, sessions_of
from delivery.smtp.tls import TlsContexts
from mailplatform.shell.addresses import AddressPolicy
from mailplatform.shell.garbage import look_seldom
from pools.providers.rollup import tail_key

# A record does not wait for a synchronous standby: should a switch lose it, its answer is in the journal still, and its delivery among the claims.
RECORD = "-c synchronous_commit=local"
log = structlog.get_logger(__name__)


def run_engine(node: str, slot: int) -> str:
    """Run one engine until it is drained, its slice is over or its lease is lost. Returns why it ended."""
    setup = setup_from_settings(f"{node}/{chr(ord('a') + slot)}")
    tls = _warm_up(setup)
    connection = lease_connection(settings.DATABASE_URL)
    connections_ended(connection, ended_here(setup.journal_folder))  # whoever takes their IPs need not leave room for those
    engine_id = register(connection, node, slot, os.getpid())
    if engine_id is None:
        connection.close()
        return f"slot {slot} of {node} is taken"
    return uvloop.run(_run(engine_id, node, connection, setup, tls))


def _warm_up(setup: Setup) -> TlsContexts:
    """What takes long at its first use comes before the lease: from the first renewal on the loop has to tick."""
    tls = TlsContexts(setup.extra_ca_file)
    tls.warm_up()
    tail_key(["mx.example"])  # reads the public suffix list: 0.1 s
    look_seldom()
    return tls


async def _run(engine_id: int, node: str, connection: Connection, setup: Setup, tls: TlsContexts) -> str:
    journal = Journal(setup.journal_folder, engine_id)
    database = Database(setup.database_url, record_options=RECORD, name=sessions_of(engine_id))
    lease = Lease(setup.database_url, engine_id, connection, on_lost=lambda _: engine.stop(), on_drain=lambda: engine.stop())
    hands = Hands(engine_id, lease, journal, database, setup, tls)
    engine = Engine(node, hands)
    signal.signal(signal.SIGUSR1, lambda *_: engine.stop())
    log.info("engine_started", engine=engine_id, name=setup.name)
    try:
        await engine.run()
    finally:
        clean = not lease.lost and hands.empty
        lease.stop()
        journal.close(keep=not clean)
        database.close()
    return lease.lost or ("drained" if clean else "ended with deliveries in hand")


def setup_from_settings(name: str) -> Setup:
    return Setup(
        name=name,
        database_url=settings.DATABASE_URL,
        resolver=settings.RESOLVER,
        smtp_port=settings.SMTP_PORT,
        extra_ca_file=settings.EXTRA_CA_FILE,
        policy=AddressPolicy.of(settings.MAIL_MODE),
        secret=settings.SECRET_KEY.encode(),
        return_path_domain=settings.RETURN_PATH_DOMAIN,
        journal_folder=Path(settings.DATA_DIR) / "journal",
        slice_s=settings.ENGINE_SLICE_S,
        dane_resolver=settings.DANE_RESOLVER,
        mta_sts_port=settings.MTA_STS_PORT,
        drills=settings.MAIL_MODE == "sandbox" or settings.DRILLS_IN_LIVE,
    )
