"""Taking a zone or a node out of service, and back: by a person's word, with why, by whom and since when.

Drained: it takes nothing more, finishes what it has begun, and its engines end when their hands are empty (`retire`). Evacuated: its engines are told to
stop in the same transaction; they hand back at once what they have not begun, and what they have within seven seconds. Either way its /readyz says
503, so that load balancers and DNS lead elsewhere, and its SMTP doors turn new sessions away. Promises: state and engines change together; doing it
again changes nothing. Never: kills; loses a delivery. How it fails: engines that do not hear it lose their lease or are buried by their agent, as ever.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from mailplatform.shell.clock import now
from mailplatform.shell.formats import plural, rate
from monitoring.endpoints.verdicts import CHANNEL
from monitoring.this_machine import machine_number
from monitoring.zones.capacity import Verdict, without
from pools.models import Node, PlaceState, Zone

Place = Zone | Node

_STOP = "UPDATE delivery_engine SET draining = true WHERE NOT draining AND node_id = ANY (%s)"
_HERE = """
    SELECT z.state, z.name, z.state_why FROM pools_zone z WHERE z.name = %(zone)s AND z.state <> 'active'
    UNION ALL
    SELECT min(CASE WHEN z.state <> 'active' THEN z.state ELSE n.state END), min(n.name),
           min(CASE WHEN z.state <> 'active' THEN z.state_why ELSE n.state_why END)
      FROM monitoring_machine_nodes l JOIN pools_node n ON n.id = l.node_id JOIN pools_zone z ON z.id = n.zone_id
     WHERE l.machine_id::text = %(machine)s HAVING count(*) > 0 AND bool_and(n.state <> 'active' OR z.state <> 'active')
     LIMIT 1
"""
_IN_HAND = """
    SELECT count(*) FILTER (WHERE e.renewed_at > platform_now() - interval '2 s'),
           coalesce(sum((SELECT count(*) FROM (SELECT 1 FROM delivery_claimed c WHERE c.engine_id = e.id LIMIT 5000) bounded)), 0)::bigint
      FROM delivery_engine e WHERE e.node_id = ANY (%(nodes)s)
"""
_SENDS = """
    SELECT coalesce(sum(m.attempted), 0)::float8 / 300 FROM pools_pathminute m JOIN pools_sendingip i ON i.id = m.ip_id
     WHERE i.node_id = ANY (%(nodes)s) AND m.minute >= date_trunc('minute', platform_now()) - interval '5 min'
       AND m.minute < date_trunc('minute', platform_now())
"""
_TARGETS = "SELECT count(*) FROM monitoring_endpoint WHERE zone_id = %(zone)s AND enabled"


@dataclass(frozen=True, slots=True)
class Preview:
    """What it would mean, in figures, before anybody presses."""

    engines: int
    in_hand: int
    per_s: float
    ips: int
    endpoints: int
    capacity: Verdict

    def sentences(self, place: Place, how: PlaceState) -> list[str]:
        what = name_of(place)
        along = f"by {plural(self.engines, 'engine')} along {plural(self.ips, 'sending IP')}"
        found = [f"{what[0].upper()}{what[1:]} sends {rate(self.per_s)} messages a second now, {along}."]
        if how == PlaceState.EVACUATED:
            found.append(
                f"The {plural(self.in_hand, 'delivery', 'deliveries')} in its hands go back to the queue: those not begun within a second, the others "
                "as they end, after seven seconds at the latest. Its engines stop."
            )
        else:
            found.append(f"Of the {plural(self.in_hand, 'delivery', 'deliveries')} in its hands, what was begun is finished; then its engines end.")
        if isinstance(place, Zone):
            away = f", and DNS leads away from its {plural(self.endpoints, 'endpoint')} where it is managed here" if self.endpoints else ""
            found.append(f"Its web servers answer 503 at /readyz{away}; who still comes to its API is served, over SMTP turned away (421).")
        return [*found, "Nothing is lost, and it comes back by a click."]


def preview(place: Place) -> Preview:
    nodes = _nodes_of(place)
    values = {"nodes": nodes, "zone": place.pk if isinstance(place, Zone) else 0}
    (engines, in_hand), (per_s,), (endpoints,) = (_row(statement, values) for statement in (_IN_HAND, _SENDS, _TARGETS))
    ips = sum(node.ips.count() for node in Node.objects.filter(pk__in=nodes))
    return Preview(engines, in_hand, per_s, ips, endpoints, without(zone=place) if isinstance(place, Zone) else without(node=place))


def take_out(place: Place, how: PlaceState, why: str, by: str) -> bool:
    """Drain or evacuate; whether that changed anything."""
    with transaction.atomic():
        row = _locked(place)
        if row.state == how:
            return False
        _write(row, how, why, by)
        if how == PlaceState.EVACUATED:
            with connection.cursor() as cursor:
                cursor.execute(_STOP, [_nodes_of(row)])
    return True


def give_back(place: Place, by: str) -> bool:
    """In service again; its agent starts engines within a second or two."""
    with transaction.atomic():
        row = _locked(place)
        if row.state == PlaceState.ACTIVE:
            return False
        _write(row, PlaceState.ACTIVE, "", by)
    return True


def why_out(zone: str, machine: str) -> str:
    """Why this web server's zone, or all nodes of its machine, are out of service, in a sentence; empty: they are not."""
    found = _row(_HERE, {"zone": zone, "machine": machine})
    return f"{found[1]} is {found[0]}{f': {found[2]}' if found[2] else ''}" if found else ""


def why_out_here() -> str:
    """The same of the machine that this process runs on."""
    return why_out(settings.ZONE, machine_number())


def name_of(place: Place) -> str:
    return f"{'zone' if isinstance(place, Zone) else 'node'} {place.name}"


def _locked(place: Place) -> Place:
    return type(place)._default_manager.select_for_update(of=("self",)).get(pk=place.pk)


def _write(row: Place, state: PlaceState, why: str, by: str) -> None:
    row.state, row.state_why, row.state_by, row.state_at = state, why.strip()[:500], by[:200], now()
    row.save(update_fields=["state", "state_why", "state_by", "state_at"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])  # whoever looks after DNS names looks at once


def _nodes_of(place: Place) -> list[int]:
    return list(place.nodes.values_list("pk", flat=True)) if isinstance(place, Zone) else [place.pk]


def _row(statement: str, values: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()
