"""Kinds: what each drill breaks, in words and figures. Pure.

`fault_s` is how long the fault lasts when nobody says otherwise, `longest_s` its bound; the drill itself ends after `gives_up_s`, whatever it has measured by
then.
"""

from dataclasses import dataclass
from enum import StrEnum

from monitoring.drills.models import DrillKind


class Scope(StrEnum):
    """What is named when one is started."""

    NONE = ""
    ENGINE = "engine"
    NODE = "node"
    IP = "sending IP"
    ZONE = "zone"
    PROVIDER = "provider"
    RECORD_SET = "record set"


@dataclass(frozen=True, slots=True)
class Asked:
    """Objectives as they are shipped; None: not asked."""

    detect_ms: int | None = None
    reroute_ms: int | None = None
    recovery_s: int | None = None
    point_s: int | None = None
    late_max: int | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of drill."""

    key: DrillKind
    scope: Scope
    does: str  # what will happen; {scope} and {fault_s} are put in
    at_risk: str
    fault_s: int
    longest_s: int
    gives_up_s: int
    asked: Asked
    planned: bool = True
    sandbox_only: bool = False


KINDS: dict[str, Kind] = {
    kind.key.value: kind
    for kind in (
        Kind(
            DrillKind.KILL_ENGINE, Scope.NONE,
            "The agent of its node kills the most loaded engine with SIGKILL. Others take over what it had in its hands; a new one starts.",
            "Deliveries whose final dot was written and whose answer was not journaled may go twice; they are counted.",
            0, 0, 30, Asked(detect_ms=1000, reroute_ms=1000, recovery_s=10),
        ),
        Kind(
            DrillKind.FREEZE_NODE, Scope.NODE,
            "All engines of {scope} are stopped with SIGSTOP for {fault_s} s at most. Their agent finds them by their silence, kills them, "
            "gives back what they "
            "had in their hands and starts new ones.",
            "Deliveries whose final dot was written and whose answer was not journaled may go twice; they are counted. Its sending IPs are "
            "idle for some seconds.",
            10, 60, 60, Asked(detect_ms=2000, reroute_ms=1000, recovery_s=15),
        ),
        Kind(
            DrillKind.BLACK_HOLE_IP, Scope.IP,
            "Connections from {scope} get no answer for {fault_s} s, as if its packets were dropped. Its mail finds other sending IPs.",
            "What is under way from this IP waits for another one. Nothing can go twice: its conversations end before a final dot, or hear the answer.",
            30, 300, 360, Asked(detect_ms=5000, reroute_ms=5000),
        ),
        Kind(
            DrillKind.CUT_ZONE, Scope.ZONE,
            "Agents and engines of zone {scope} close their database connections for {fault_s} s. Its engines stop themselves, other zones "
            "take over their mail; "
            "then the zone comes back by steps.",
            "Deliveries whose final dot was written when it was cut off may go twice; they are counted. The zone sends nothing meanwhile.",
            10, 60, 150, Asked(detect_ms=2500, reroute_ms=1000, recovery_s=30),
        ),
        Kind(
            DrillKind.PROVIDER_OUTAGE, Scope.PROVIDER,
            "The simulated {scope} takes no connections for {fault_s} s. Its mail waits; nobody is taken out for it.",
            "Mail to {scope} is late by the outage and a retry.",
            30, 300, 900, Asked(recovery_s=300), planned=False, sandbox_only=True,
        ),
        Kind(
            DrillKind.DNS_FAILOVER, Scope.RECORD_SET,
            "A target of {scope} is called dead, for {fault_s} s at most. The drill ends when all authoritative servers point elsewhere; "
            "fail-back goes on after it.",
            "Clients that ask DNS meanwhile use the other targets, until it has failed back.",
            60, 300, 420, Asked(detect_ms=10_000, recovery_s=120), planned=False,
        ),
        Kind(
            DrillKind.DATABASE_SWITCH, Scope.NONE,
            "The stopwatch waits for your cluster manager to promote the standby, which the platform never does by itself, and measures how "
            "long nothing was written.",
            "Nothing by the platform. Submissions wait while there is no primary, engines stop after 600 ms.",
            300, 300, 330, Asked(recovery_s=60), planned=False,
        ),
        Kind(
            DrillKind.RESTORE_BACKUP, Scope.NONE,
            "The database is dumped, restored into a database of its own beside it, compared (rows, message bodies, migrations), and removed.",
            "Reads the whole database once; disk space for a second copy is used meanwhile. Mail goes on.",
            0, 0, 3600, Asked(recovery_s=900, point_s=300),
        ),
    )
}  # fmt: skip
NOT_PLANNED = frozenset(key for key, kind in KINDS.items() if not kind.planned)
