"""When an event is tried again, when an endpoint is left alone, and when it is given up. Pure; the dice come in.

    one event       again after up to 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, then every 4 h, each wait drawn from its whole length (full jitter);
                    given up 24 hours after its first try
    one endpoint    after five failures in a row one event at a time goes, after the same waits up to an hour; after three days of nothing but failures
                    it is disabled. 410 Gone disables it at once
"""

from collections.abc import Callable
from datetime import datetime, timedelta

DELAYS_S = (5, 30, 120, 600, 1800, 3600, 7200, 14400)
SHORTEST_S = 1.0
GIVE_UP_AFTER = timedelta(hours=24)
DISABLE_AFTER = timedelta(days=3)
IN_TROUBLE = 5  # failures in a row from which on one event at a time is tried
ASKED_MOST_S = 3600  # Retry-After beyond an hour is an hour
GONE = 410

Dice = Callable[[], float]  # 0 to 1


def next_try(tries: int, now: datetime, give_up_at: datetime, asked_s: float, dice: Dice) -> datetime | None:
    """When an event that has failed `tries` times goes again; None: it is given up."""
    wait_s = max(SHORTEST_S, dice() * DELAYS_S[min(tries, len(DELAYS_S)) - 1], asked_s)
    again_at = now + timedelta(seconds=wait_s)
    return again_at if again_at < give_up_at else None


def left_alone_until(failures: int, now: datetime, asked_s: float, dice: Dice) -> datetime | None:
    """Until when nothing is sent to an endpoint that has failed so often in a row, or has asked for quiet; None: it need not rest."""
    trouble = failures - IN_TROUBLE
    wait_s = max(SHORTEST_S, (0.5 + dice() / 2) * DELAYS_S[min(trouble, 5)]) if trouble >= 0 else 0.0
    return now + timedelta(seconds=max(wait_s, asked_s)) if wait_s or asked_s else None


def asked_wait_s(retry_after: str | None) -> float:
    """Retry-After in seconds (RFC 9110 §10.2.3), bounded; a date or nonsense is as none."""
    text = (retry_after or "").strip()
    return float(min(int(text), ASKED_MOST_S)) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0
