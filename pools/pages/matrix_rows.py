"""Reading the path matrix: every IP, pool, large provider and path, in five statements however many there are.

Minutes are read by a range of their time (the last five), small providers are added up by the database. Who owns an IP is delivery's to say,
above this app: its rows are read by name. Never: a query per cell, or per IP.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mailplatform.shell.clock import now
from mailplatform.shell.database.rows import select
from pools.binds import CIRCUIT_OPENS_AT
from pools.pages.matrix import MOST_COLUMNS, OTHERS, Cell, CellState, Facts, IpFact, MemberFact

WHY_LENGTH = 240
_IPS = """
    SELECT ip.id, host(ip.address), ip.ehlo_name, n.name, z.name, ip.state, n.state, z.state, EXISTS (SELECT FROM delivery_iplease l WHERE l.ip_id = ip.id)
      FROM pools_sendingip ip JOIN pools_node n ON n.id = ip.node_id JOIN pools_zone z ON z.id = n.zone_id ORDER BY ip.address
"""
_MEMBERS = "SELECT m.ip_id, p.name, p.kind, m.own FROM pools_poolmember m JOIN pools_pool p ON p.id = m.pool_id ORDER BY p.name"
# Large providers are those of the catalogue; the default profile is no place where mail goes.
_PATHS = """
    SELECT p.id, p.ip_id, p.provider_id, pr.name, p.state, p.score, p.share, p.suspended_until,
           p.circuit_failures >= %(circuit)s, p.binds IN ('hour', 'day') AND (p.binds_until IS NULL OR p.binds_until > platform_now()),
           p.warm_per_day IS NOT NULL OR p.warm_per_hour IS NOT NULL,
           CASE WHEN s.state = p.state AND p.state <> 'open' THEN s.sentence ELSE left(p.why, %(why)s) END, CASE WHEN s.state = p.state THEN s.since END,
           p.state = 'open' AND coalesce(p.warm_per_day, 0) > 0 AND coalesce((p.limits_now->>'day_used')::int, 0) = 0
      FROM pools_path p JOIN pools_provider pr ON pr.id = p.provider_id LEFT JOIN pools_pathstanding s ON s.path_id = p.id
     WHERE NOT pr.is_tail AND pr.key <> 'default'
"""
# Of small providers one figure each: the worst state in the order of CellState, the lowest score.
_OTHERS = """
    SELECT p.ip_id, count(*), min(p.score),
           min(CASE WHEN p.state = 'quarantined' THEN 'a' WHEN p.circuit_failures >= %(circuit)s THEN 'b' WHEN p.state = 'paused' THEN 'c'
                    WHEN p.suspended_until > platform_now() THEN 'd' WHEN p.state = 'probation' THEN 'e'
                    WHEN p.warm_per_day IS NOT NULL THEN 'f' ELSE 'g' END)
      FROM pools_path p JOIN pools_provider pr ON pr.id = p.provider_id
     WHERE pr.is_tail OR pr.key = 'default' GROUP BY p.ip_id
"""
_OTHERS_STATES = dict(zip("abcdefg", (
    CellState.QUARANTINED, CellState.REFUSED, CellState.PAUSED, CellState.SUSPENDED, CellState.PROBATION, CellState.WARMING, CellState.OPEN,
), strict=True))  # fmt: skip
_TRAFFIC = """
    SELECT ip_id, CASE WHEN provider_id = ANY (%(large)s) THEN provider_id ELSE 0 END, sum(attempted)::bigint
      FROM pools_pathminute WHERE minute >= platform_now() - interval '5 min' GROUP BY 1, 2
"""


def read(order: Sequence[int] = ()) -> Facts:
    """Everything; `order` is that of the columns which a page shows already."""
    ips = {row[0]: IpFact(row[0], row[1], row[2], row[3], row[4], _held(*row[5:])) for row in select(_IPS)}
    # A new IP is capped at every provider before its first message there: where nothing went in the last day, no path sends yet.
    paths = [row[:-1] for row in select(_PATHS, {"circuit": CIRCUIT_OPENS_AT, "why": WHY_LENGTH}) if not row[-1]]
    names = {row[2]: row[3] for row in paths}
    traffic = {(ip, provider): attempts for ip, provider, attempts in select(_TRAFFIC, {"large": list(names)})}
    large = _columns(order, names, traffic, paths)
    shown, at = set(large), now()
    cells: dict[tuple[int, int], Cell] = {}
    for row in paths:
        cell = _cell(row, ips, traffic, at)
        if cell.provider_id in shown:
            cells[cell.ip_id, cell.provider_id] = cell
    for row in select(_OTHERS, {"circuit": CIRCUIT_OPENS_AT}):
        ip_id, count, score, state = row
        held = ips[ip_id].held
        cells[ip_id, OTHERS] = Cell(0, ip_id, OTHERS, held or _OTHERS_STATES[state], score, 100, traffic.get((ip_id, OTHERS), 0), count)
    columns = (*large, OTHERS) if any(column == OTHERS for _, column in cells) else tuple(large)
    return Facts(tuple(ips.values()), tuple(MemberFact(*row) for row in select(_MEMBERS)), columns, {**names, OTHERS: "Others"}, cells)


def _columns(order: Sequence[int], names: dict[int, str], traffic: dict[tuple[int, int], int], paths: Sequence[tuple[Any, ...]]) -> list[int]:
    """The busiest first; those that a page shows already stay where they are."""
    busy: dict[int, int] = {}
    for (_, provider), attempts in traffic.items():
        busy[provider] = busy.get(provider, 0) + attempts
    troubled = {row[2] for row in paths if row[4] in ("quarantined", "probation")}
    found = sorted(names, key=lambda one: (-busy.get(one, 0), one not in troubled, names[one]))[:MOST_COLUMNS]
    kept = [one for one in order if one in found]
    return [*kept, *(one for one in found if one not in kept)]


def _cell(row: tuple[Any, ...], ips: dict[int, IpFact], traffic: dict[tuple[int, int], int], at: datetime) -> Cell:
    path_id, ip_id, provider_id, _, state, score, share, suspended_until, refused, full, warms, why, since = row
    held = ips[ip_id].held
    word = held or _state(state, bool(suspended_until and suspended_until > at), refused, full, warms)
    if word == CellState.OPEN:
        why, since = "", None
    return Cell(path_id, ip_id, provider_id, word, score, share, traffic.get((ip_id, provider_id), 0), 1, why, since)


def _state(state: str, suspended: bool, refused: bool, full: bool, warms: bool) -> CellState:
    if state in ("quarantined", "paused"):
        return CellState(state)
    if refused:
        return CellState.REFUSED
    if suspended:
        return CellState.SUSPENDED
    if state == "probation":
        return CellState.PROBATION
    if full:
        return CellState.FULL
    return CellState.WARMING if warms else CellState.OPEN


def _held(ip_state: str, node_state: str, zone_state: str, owned: bool) -> CellState | None:
    if not {node_state, zone_state} <= {"active"}:
        return CellState.DRAINED
    if ip_state != "active":
        return CellState(ip_state)
    return None if owned else CellState.UNOWNED
