"""Policy: when engines and nodes are given up, by the operators' row. A platform without it, before its first start, does what we recommend.

`terms_of()` is read once a second by agents and watchers, over their own connection; bounds are the table's (models.py).
"""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection

_TERMS = """
SELECT suspect_ms / 1000.0::float8, give_up_ms / 1000.0::float8, agent_away_ms / 1000.0::float8, left_to_agent_s::float8, returns_by_steps, return_s,
       longest_return_s, flap_window_s
  FROM pools_failoverpolicy WHERE id = 1
"""


@dataclass(frozen=True, slots=True)
class Terms:
    suspect_s: float = 0.350
    give_up_s: float = 0.720
    agent_away_s: float = 0.600
    left_to_agent_s: float = 5.0
    returns_by_steps: bool = True
    return_s: int = 30
    longest_return_s: int = 600
    flap_window_s: int = 3600


RECOMMENDED = Terms()


def terms_of(connection: Connection[Any]) -> Terms:
    """As the table has them."""
    row = connection.execute(_TERMS).fetchone()
    return Terms(*row) if row else RECOMMENDED


def install() -> None:
    """At a platform's start: the row is there, with what we recommend. An operator's changes stay."""
    from pools.failover.models import FailoverPolicy

    FailoverPolicy.objects.get_or_create(pk=1)
