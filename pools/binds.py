"""Binds: which limit of a path holds its mail back now, in words that engines write and pages read.

Owns: the vocabulary `Limit`, `Binds`, and the shape of Path.limits_now. Promises: pure. An engine says it in its own monotonic seconds,
the database in wall time. Never: decides what a limit is (pools.limits, pools.learned, pools.allowances do).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

CIRCUIT_OPENS_AT = 2  # connections that failed in a row


class Limit(StrEnum):
    """What binds; the first that does, in this order of strength, is told. NOTHING: another delivery could go now."""

    NOTHING = ""
    PAUSED = "paused"  # by an operator or by reputation (quarantine)
    SUSPENDED = "suspended"  # a response rule's word
    CIRCUIT = "circuit"  # its connections failed in a row; one delivery probes it
    FORMER = "former"  # none may be opened: connections of its last owner, which died out of reach, may still stand at the provider
    DAY = "day"  # the rolling 24 hours are used up
    HOUR = "hour"
    PACE = "pace"  # on trial, warming or on probation: its next turn comes within its window
    RATE = "rate"  # messages a second or minute
    CONNECTIONS = "connections"  # all of its connections are busy


@dataclass(frozen=True, slots=True)
class Binds:
    """`until_s` on the engine's monotonic clock, None: nobody knows; `figure` a `per_s` is the limit that binds.

    `figure` is a number of connections (`per_s` 0), of messages in `per_s` seconds, or of failed connects for the circuit.
    """

    limit: Limit
    until_s: float | None = None
    figure: int = 0
    per_s: int = 0


NOTHING = Binds(Limit.NOTHING)


class LimitsNow(TypedDict):
    """Path.limits_now: use and limit of everything that is counted; None: no such limit. `hour_by`, `day_by`: whose cap binds most.

    Empty: the provider's or an operator's; else warming or probation.
    """

    figure: int
    per_s: int
    connections_open: int
    connections: int
    messages_per_connection: int
    connections_per_minute: int | None
    per_second: int | None
    per_minute: int | None
    hour_used: int | None
    per_hour: int | None
    day_used: int | None
    per_day: int | None
    hour_by: str
    day_by: str
