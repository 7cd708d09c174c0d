"""Retire: the agent's part of taking its node out of service. Its engines are told to end when their hands are empty; an evacuated node's at once.

SQL alone, once a second while the node is out; the same again changes nothing. Engines hear it with their next renewal, and end as at any stop.
"""

from typing import Any

DRAINED_WITHIN_S = 60  # an engine of a drained node that still has something in hand then stops all the same
_RETIRE = """
    UPDATE delivery_engine e SET draining = true
      FROM pools_node n JOIN pools_zone z ON z.id = n.zone_id
     WHERE n.name = %(node)s AND e.node_id = n.id AND NOT e.draining AND (n.state <> 'active' OR z.state <> 'active')
       AND ('evacuated' IN (n.state, z.state) OR NOT EXISTS (SELECT 1 FROM delivery_claimed c WHERE c.engine_id = e.id)
            OR greatest(coalesce(n.state_at, '-infinity'), coalesce(z.state_at, '-infinity')) < platform_now() - %(within)s * interval '1 s')
"""


def retire(connection: Any, node: str) -> None:
    connection.execute(_RETIRE, {"node": node, "within": DRAINED_WITHIN_S})
