"""Returns: how a node that was given up comes back, by steps, and more slowly the more often it is lost.

Owns: NodeReturn rows. Promises: engines that are given up together are one loss; a loss within the flap window of the one before doubles the time;
the policy's switch ends every return at once. Never: holds a node back for longer than the policy's longest return.
"""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection, Cursor

STEPS = ((0.2, 10), (0.4, 25), (0.7, 50), (1.0, 75))  # until this part of the time has passed it has this share, in percent
ONE_LOSS_S = 15  # engines of one node that are given up within so long are one loss
_LOST = """
INSERT INTO pools_nodereturn AS r (node_id, lost_at, losses, takes_s, back_at)
SELECT %(node)s, platform_now(), 1, CASE WHEN p.by_steps THEN least(p.first_s, p.longest_s) ELSE 0 END, NULL
  FROM (SELECT %(by_steps)s::bool AS by_steps, %(first_s)s::int AS first_s, %(longest_s)s::int AS longest_s) p
    ON CONFLICT (node_id) DO UPDATE SET
       losses = CASE WHEN r.back_at IS NULL AND r.lost_at > platform_now() - make_interval(secs => %(one_loss_s)s) THEN r.losses
                     WHEN r.lost_at > platform_now() - make_interval(secs => %(window_s)s) THEN r.losses + 1 ELSE 1 END,
       takes_s = CASE WHEN r.back_at IS NULL AND r.lost_at > platform_now() - make_interval(secs => %(one_loss_s)s) THEN r.takes_s
                      WHEN NOT %(by_steps)s THEN 0
                      WHEN r.lost_at > platform_now() - make_interval(secs => %(window_s)s)
                      THEN least(%(longest_s)s::float8, %(first_s)s * 2.0::float8 ^ least(r.losses, 20))::int
                      ELSE least(%(first_s)s::int, %(longest_s)s::int) END,
       lost_at = excluded.lost_at, back_at = NULL
"""
_BACK = """
UPDATE pools_nodereturn r SET back_at = platform_now() FROM pools_node n WHERE n.id = r.node_id AND n.name = %(node)s AND r.back_at IS NULL
"""
_SHARE = """
SELECT CASE WHEN coalesce(p.returns_by_steps, true) THEN r.takes_s ELSE 0 END AS takes_s,
       extract(epoch FROM platform_now() - r.back_at)::float8 AS back_s
  FROM pools_nodereturn r JOIN pools_node n ON n.id = r.node_id LEFT JOIN pools_failoverpolicy p ON p.id = 1
 WHERE n.name = %(node)s AND r.back_at > platform_now() - make_interval(secs => r.takes_s)
"""


@dataclass(frozen=True, slots=True)
class Returning:
    """A node on its way back: its share now, in percent, and in how many seconds it has all of it."""

    share: int
    left_s: float


WHOLE = Returning(100, 0.0)


def returning(back_s: float, takes_s: float) -> Returning:
    """Where a node is, so long after it came back."""
    if takes_s <= 0 or back_s >= takes_s:
        return WHOLE
    share = next(share for until, share in STEPS if back_s / takes_s < until)
    return Returning(share, takes_s - back_s)


def note_loss(connection: Connection[Any], node_id: int, by_steps: bool, first_s: int, longest_s: int, window_s: int) -> None:
    """The node was given up just now; in the verdict's transaction."""
    connection.execute(
        _LOST, {"node": node_id, "by_steps": by_steps, "first_s": first_s, "longest_s": longest_s, "window_s": window_s, "one_loss_s": ONE_LOSS_S}
    )


def look(cursor: Cursor[Any], node: str, first: bool) -> int:
    """The share of its node that an engine may use now; `first`: it has only just started. The cursor's rows are dictionaries."""
    if first:
        cursor.execute(_BACK, {"node": node})
    row = cursor.execute(_SHARE, {"node": node}).fetchone()
    return returning(row["back_s"], row["takes_s"]).share if row else 100  # type: ignore[call-overload]
