"""Faults: what a drill asks of this engine. The rows are the drills' (monitoring_fault, read by its name: layers below know none above).

Owns: which of this engine's IPs are black holes, and when the engine is cut off from the database. Promises: whatever begins ends by this machine's
own clock, after BLACK_HOLE_LONGEST_S or the cut's own bound, though the row or the database be gone. Read once a second, and only where drills are
allowed: it costs a message the look at an empty dictionary. Never: decides that something fails; who is hit learns of it like of any fault.
"""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass

from psycopg import Connection

from delivery.smtp.failure import ConnectFailure
from delivery.smtp.wire import Failure, Phase
from mailplatform.shell.database import cut

BLACK_HOLE_LONGEST_S = 300.0
_MINE = """
UPDATE monitoring_fault f SET obeyed_at = CASE WHEN kind = 'black_hole_ip' THEN coalesce(obeyed_at, begins_at) ELSE obeyed_at END
 WHERE f.ended_at IS NULL AND f.until > platform_now() AND f.begins_at < platform_now() + interval '5 s'
   AND (f.kind = 'black_hole_ip' AND f.ip_id = ANY(%(ips)s)
        OR f.kind = 'cut_database' AND f.node_id = (SELECT id FROM pools_node WHERE name = %(node)s))
RETURNING f.id, f.kind, f.ip_id, extract(epoch FROM f.begins_at - platform_now())::float8, extract(epoch FROM f.until - platform_now())::float8
"""


@dataclass(frozen=True, slots=True)
class Fault:
    id: int
    kind: str
    ip_id: int | None
    begins_s: float  # from when it was read
    ends_s: float


def load_faults(connection: Connection, node: str, ips: Collection[int]) -> list[Fault]:
    """What is asked of this engine now or within seconds."""
    return [Fault(*row) for row in connection.execute(_MINE, {"node": node, "ips": list(ips)}).fetchall()]


class Holes(dict[int, tuple[float, float]]):
    """By IP: from when to when, by the monotonic clock, its packets vanish. Empty where no drill runs."""

    def __init__(self) -> None:
        super().__init__()
        self._cuts: set[int] = set()

    def obey(self, faults: Collection[Fault]) -> None:
        """What was read just now."""
        now_s = time.monotonic()
        self.clear()
        for fault in faults:
            if fault.kind == "black_hole_ip" and fault.ip_id is not None:
                self[fault.ip_id] = now_s + fault.begins_s, now_s + min(fault.ends_s, BLACK_HOLE_LONGEST_S)
            elif fault.kind == "cut_database" and fault.id not in self._cuts:
                self._cuts.add(fault.id)
                begins_s = max(0.0, fault.begins_s)
                asyncio.get_running_loop().call_later(begins_s, cut.begin, fault.ends_s - begins_s)

    def swallows(self, ip_id: int) -> bool:
        begins_s, ends_s = self.get(ip_id, (0.0, 0.0))
        return begins_s <= time.monotonic() < ends_s

    def expire(self) -> None:
        """Where the database tells nothing, the clock does."""
        now_s = time.monotonic()
        for ip_id in [ip_id for ip_id, (_, ends_s) in self.items() if ends_s <= now_s]:
            del self[ip_id]

    async def swallow(self, ip_id: int, address: str, timeout_s: float) -> None:
        """A connection that is opened from it now gets no answer, until the hole ends or the opener's patience does."""
        if not self.swallows(ip_id):
            return
        await asyncio.sleep(min(timeout_s, self[ip_id][1] - time.monotonic()))
        raise ConnectFailure(Phase.CONNECT, Failure.TIMEOUT, detail=f"no answer from {address}")
