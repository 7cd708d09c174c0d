"""Certificates: when those of our own doors end, looked up beside the collector in a thread of its own, every few minutes.

Owns: the last certificate seen of each door that speaks TLS. Promises: a door that does not answer delays nothing and changes nothing; no connection stays
open. Never: judges whether the certificate is right (the knockers do), asks doors that only another machine reaches.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509

from mailplatform.shell.database.rows import select
from monitoring.endpoints.door import Door
from monitoring.endpoints.probes import certificate
from monitoring.this_machine import machine_number

log = logging.getLogger(__name__)

EVERY, TIMEOUT_S = timedelta(minutes=10), 5.0
_DOORS = """
SELECT id, name, kind, host, port, tls, tls_name, asked FROM monitoring_endpoint
 WHERE enabled AND tls <> 'none' AND (machine_id IS NULL OR machine_id::text = %s)
"""


class Certificates:
    """`look()` returns at once; what it finds is there at a later tick."""

    def __init__(self) -> None:
        self._ends: dict[str, datetime] = {}
        self._looked_at: datetime | None = None
        self._thread: threading.Thread | None = None

    def days_left(self, at: datetime) -> dict[str, float]:
        if (self._looked_at is None or not timedelta() <= at - self._looked_at < EVERY) and not (self._thread and self._thread.is_alive()):
            self._looked_at = at
            if doors := doors_of_here():
                self._thread = threading.Thread(target=self.look, args=(doors,), name="certificates", daemon=True)
                self._thread.start()
        return {key: (ends - at).total_seconds() / 86_400 for key, ends in dict(self._ends).items()}

    def look(self, doors: Sequence[Door]) -> None:
        try:
            found = asyncio.run(_look(doors))
        except Exception:
            log.exception("Certificates were not looked at")
            return
        known = {str(door.endpoint_id) for door in doors}
        self._ends = {key: ends for key, ends in self._ends.items() if key in known} | found


def doors_of_here() -> list[Door]:
    return [Door(*row) for row in select(_DOORS, [machine_number()])]


async def _look(doors: Sequence[Door]) -> dict[str, datetime]:
    ends = await asyncio.gather(*(_ends(door) for door in doors))
    return {str(door.endpoint_id): end for door, end in zip(doors, ends, strict=True) if end is not None}


async def _ends(door: Door) -> datetime | None:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            shown = await certificate(door)
    except TimeoutError:
        return None
    return x509.load_der_x509_certificate(shown).not_valid_after_utc.astimezone(UTC) if shown else None
