"""Owned IPs: which sending IPs an engine takes, keeps and lets go of. SQL alone; the lease rows are the ownership.

Promises: an IP has one owner; it takes at most its share of its node's IPs, those that nobody owns: of as many engines as the node should have, or, once it has
lived for a while, as it has, so that a dead one's IPs wait for no restart; what it may no longer send from (moved to another node, paused, drained) or has too
much of, while another engine of its node that has settled has too little, is named `leaving`: the engine ends its connections first and lets go then. An IP
behind a proxy needs no node's address: while no engine of its own node lives, engines of other nodes take it, evenly, and let it go when one is back to stay;
another engine of its node takes it in any case. An IP of which warming has no row yet, however it came into a pool, is capped in the transaction in which it is
taken. Never: takes an IP that another still owns.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, Cursor

from delivery.queue.wake import notify_all

SETTLES_S = 5  # an engine that has lived for so long has come to stay: before, its siblings may only just be starting as well


def _settled(engine: str) -> str:
    return f"{engine}.started_at < platform_now() - interval '{SETTLES_S} s'"


SHARE = f"""
    SELECT ceil(ips.n::numeric / greatest(1, n.engine_slots))::int AS share,
           ceil(ips.n::numeric / greatest(1, CASE WHEN own.settled THEN least(n.engine_slots, live.n) ELSE n.engine_slots END))::int AS now
      FROM pools_node n
     CROSS JOIN LATERAL (SELECT count(*) AS n FROM pools_sendingip ip WHERE ip.node_id = n.id) ips
     CROSS JOIN LATERAL (SELECT count(*) AS n FROM delivery_engine e WHERE e.node_id = n.id AND NOT e.draining AND e.suspected_at IS NULL) live
     CROSS JOIN LATERAL (SELECT coalesce(bool_or({_settled('e')}), false) AS settled
                           FROM delivery_engine e WHERE e.id = %(engine)s) own
     WHERE n.name = %(node)s
"""
TAKE = """
    INSERT INTO delivery_iplease (ip_id, engine_id, granted_at)
    SELECT ip.id, %(engine)s, platform_now()
      FROM pools_sendingip ip
      JOIN pools_node n ON n.id = ip.node_id
      JOIN pools_zone z ON z.id = n.zone_id
     WHERE n.name = %(node)s AND ip.state = 'active' AND n.state = 'active' AND z.state = 'active'
       AND EXISTS (SELECT 1 FROM delivery_engine WHERE id = %(engine)s)
       AND NOT EXISTS (SELECT 1 FROM delivery_iplease l WHERE l.ip_id = ip.id)
     ORDER BY ip.id
     LIMIT greatest(0, %(now)s - (SELECT count(*)::int FROM delivery_iplease l JOIN pools_sendingip own ON own.id = l.ip_id
                                      JOIN pools_node home ON home.id = own.node_id WHERE l.engine_id = %(engine)s AND home.name = %(node)s))
    ON CONFLICT DO NOTHING
"""
# Of an IP behind a proxy, `ip`: the engines of its own node.
AT_HOME = "SELECT 1 FROM delivery_engine home WHERE home.node_id = ip.node_id AND NOT home.draining AND home.suspected_at IS NULL"
TAKE_ELSEWHERE = f"""
    WITH free AS MATERIALIZED (
        SELECT ip.id FROM pools_sendingip ip JOIN pools_node n ON n.id = ip.node_id JOIN pools_zone z ON z.id = n.zone_id
         WHERE ip.egress = 'socks5' AND ip.proxy <> '' AND ip.state = 'active' AND n.state = 'active' AND z.state = 'active'
           AND (n.name = %(node)s OR NOT EXISTS ({AT_HOME})) AND NOT EXISTS (SELECT 1 FROM delivery_iplease l WHERE l.ip_id = ip.id))
    INSERT INTO delivery_iplease (ip_id, engine_id, granted_at)
    SELECT free.id, %(engine)s, platform_now() FROM free
     WHERE EXISTS (SELECT 1 FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id JOIN pools_zone z ON z.id = n.zone_id
                    WHERE e.id = %(engine)s AND NOT e.draining AND n.state = 'active' AND z.state = 'active')
     ORDER BY hashint8(free.id # %(engine)s)
     LIMIT (SELECT ceil(2 * count(*)::numeric / greatest(1, (SELECT count(*) FROM delivery_engine WHERE NOT draining AND suspected_at IS NULL))) FROM free)
    ON CONFLICT DO NOTHING
"""
LEASED = f"""
    SELECT ip.id, host(ip.address) AS address, ip.ehlo_name, CASE WHEN ip.egress = 'socks5' THEN ip.proxy ELSE '' END AS proxy,
           ip.warm_default_per_hour, ip.warm_default_per_day,
           EXISTS (SELECT 1 FROM warming_ippast past WHERE past.ip_id = ip.id)
             OR coalesce((SELECT NOT (is_on AND starts_itself) FROM warming_warmingpolicy LIMIT 1), true) AS known,
           (n.name = %(node)s OR ip.egress = 'socks5' AND ip.proxy <> '' AND NOT EXISTS ({AT_HOME} AND {_settled('home')}))
             AND ip.state = 'active' AND n.state = 'active' AND z.state = 'active' AS mine,
           n.name <> %(node)s AS elsewhere
      FROM delivery_iplease l JOIN pools_sendingip ip ON ip.id = l.ip_id JOIN pools_node n ON n.id = ip.node_id JOIN pools_zone z ON z.id = n.zone_id
     WHERE l.engine_id = %(engine)s
     ORDER BY ip.id
"""
# How many the other engines of the node, those that have come to stay, are short of.
SHORT = f"""
    SELECT coalesce(sum(greatest(0, %(share)s - leased.n)), 0)::int AS n
      FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id
     CROSS JOIN LATERAL (SELECT count(*)::int AS n FROM delivery_iplease l WHERE l.engine_id = e.id) leased
     WHERE n.name = %(node)s AND e.id <> %(engine)s AND NOT e.draining AND {_settled('e')}
"""
UNKNOWN = (5, 20)  # caps of an hour and a day, of each path of an IP whose past nobody has looked at: seconds, until warming's next round
LET_GO = "DELETE FROM delivery_iplease WHERE ip_id = ANY (%s) AND engine_id = %s"


@dataclass(frozen=True, slots=True)
class OwnIp:
    """A sending IP that this engine owns."""

    id: int
    address: str
    ehlo_name: str
    proxy: str
    warm_default_per_hour: int | None = None  # of its paths that warming has said nothing of yet
    warm_default_per_day: int | None = None
    elsewhere: bool = False  # it is another node's, behind a proxy
    known: bool = True  # warming has looked at its past, or begins nothing by itself

    @property
    def first_caps(self) -> tuple[int | None, int | None]:
        """An hour's and a day's, of its paths of which warming has said nothing."""
        default = self.warm_default_per_hour, self.warm_default_per_day
        return UNKNOWN if default == (None, None) and not self.known else default


def take_and_look(cursor: Cursor[Any], engine_id: int, node: str) -> tuple[dict[int, OwnIp], frozenset[int]]:
    """The IPs to send from, and those to leave. The cursor's rows are dictionaries."""
    shares: dict[str, int] = cursor.execute(SHARE, {"node": node, "engine": engine_id}).fetchone() or {"share": 0, "now": 0}  # type: ignore[assignment]
    share, values = shares["share"], {"engine": engine_id, "node": node, **shares}
    cursor.execute(TAKE, values)
    cursor.execute(TAKE_ELSEWHERE, values)
    rows = cursor.execute(LEASED, values).fetchall()
    leaving = {row["id"] for row in rows if not row.pop("mine")}
    own = {row["id"]: OwnIp(**row) for row in rows if row["id"] not in leaving}
    homely = [ip_id for ip_id, ip in own.items() if not ip.elsewhere]
    surplus = len(homely) - share
    if surplus > 0:
        short = cursor.execute(SHORT, values).fetchone()["n"]  # type: ignore[call-overload,index]
        for ip_id in sorted(homely, reverse=True)[: min(surplus, short)]:
            leaving.add(ip_id)
            del own[ip_id]
    return own, frozenset(leaving)


def let_go(connection: Connection, engine_id: int, ip_ids: Collection[int]) -> None:
    """Whoever wants them may have them, and looks at once."""
    if connection.execute(LET_GO, [list(ip_ids), engine_id]).rowcount:
        notify_all(connection)
