"""Scopes: what can be named when a drill is started, whether the rest could carry the load, and what stands against it. Reads only."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import connection

from monitoring import database_switch, sandbox_order
from monitoring.drills import allowed, declared
from monitoring.drills.kinds import KINDS, Kind, Scope
from monitoring.drills.models import Drill, DrillKind
from monitoring.zones.capacity import without
from pools.models import Node, PlaceState, SendingIP, Zone

# What lives now, the busiest first: a rehearsal shall show something.
_NODES = """
SELECT n.name FROM pools_node n JOIN pools_zone z ON z.id = n.zone_id JOIN delivery_engine e ON e.node_id = n.id
 WHERE n.state = 'active' AND z.state = 'active' AND NOT e.draining AND e.renewed_at > platform_now() - interval '2 s'
 GROUP BY 1 ORDER BY sum(coalesce((e.state->>'in_hand')::float8, 0)) DESC, 1
"""
_ZONES = """
SELECT z.name FROM pools_zone z JOIN pools_node n ON n.zone_id = z.id JOIN delivery_engine e ON e.node_id = n.id
 WHERE n.state = 'active' AND z.state = 'active' AND NOT e.draining AND e.renewed_at > platform_now() - interval '2 s'
 GROUP BY 1 ORDER BY 1
"""
_IPS = """
SELECT host(i.address) FROM pools_sendingip i JOIN pools_node n ON n.id = i.node_id LEFT JOIN pools_pathminute m ON m.ip_id = i.id
       AND m.minute >= platform_now() - interval '3 min'
 WHERE i.state = 'active' AND n.state = 'active' GROUP BY 1 ORDER BY coalesce(sum(m.attempted), 0) DESC, 1 LIMIT 50
"""
_ELSEWHERE = """
SELECT EXISTS (SELECT FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id JOIN pools_zone z ON z.id = n.zone_id
                WHERE n.name <> %(node)s AND z.name <> %(zone)s AND NOT e.draining AND e.renewed_at > platform_now() - interval '2 s')
"""
_PROVIDERS = {"gmail": "google", "outlook": "microsoft", "yahoo": "yahoo"}  # how the sandbox calls them, and the catalogue


@dataclass(frozen=True, slots=True)
class Preview:
    """What is told before somebody presses start. `refusal` is empty when it would be started now."""

    kind: Kind
    scope: str
    will: str
    at_risk: str
    lasts_s: int
    capacity: str
    refusal: str
    scopes: tuple[str, ...]


def scopes_of(kind: Kind) -> list[str]:
    """What may be named, the busiest first."""
    sql = {Scope.NODE: _NODES, Scope.ZONE: _ZONES, Scope.IP: _IPS}.get(kind.scope)
    if kind.scope is Scope.PROVIDER:
        return sorted(_PROVIDERS)
    if kind.scope is Scope.RECORD_SET:
        return declared.candidates()
    if sql is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [row[0] for row in cursor.fetchall()]


def preview(key: str, scope: str = "", lasts_s: int = 0) -> Preview:
    """What would happen now. Without a scope: the first that the rest could do without, else the first."""
    kind = KINDS[key]
    lasts_s = min(max(lasts_s, 1), kind.longest_s) if lasts_s and kind.longest_s else kind.fault_s
    if reason := unavailable(kind):
        return _preview(kind, "", lasts_s, (), "", reason)
    scopes = tuple(scopes_of(kind))
    if kind.scope is Scope.NONE:
        return _preview(kind, "", lasts_s, (), "", _running(kind) or _few(kind))
    if not scopes:
        return _preview(kind, "", lasts_s, (), "", f"There is no {kind.scope} that works now.")
    if scope and scope not in scopes:
        return _preview(kind, scope, lasts_s, scopes, "", f"{scope} is no {kind.scope} that works now.")
    made = [_with_capacity(_preview(kind, one, lasts_s, scopes, "", _running(kind))) for one in ([scope] if scope else scopes[:5])]
    return next((one for one in made if not one.refusal), made[0])


def unavailable(kind: Kind) -> str:
    """Why this kind cannot be rehearsed here at all; empty: it can."""
    if not allowed():
        return "Drills run in the sandbox only; DRILLS_IN_LIVE=yes allows them here."
    if kind.sandbox_only and not sandbox_order.may_order():
        return "Not available: only the simulated internet can be told to fail."
    return _WANTS[kind.key]() if kind.key in _WANTS else ""


def sandbox_provider(scope: str) -> str:
    """The catalogue's key of a provider that the sandbox plays."""
    return _PROVIDERS[scope]


def _preview(kind: Kind, scope: str, lasts_s: int, scopes: tuple[str, ...], capacity: str, refusal: str) -> Preview:
    words = {"scope": scope or f"the {kind.scope}", "fault_s": lasts_s}
    return Preview(kind, scope, kind.does.format(**words), kind.at_risk.format(**words), lasts_s, capacity, refusal, scopes)


def _with_capacity(made: Preview) -> Preview:
    try:
        match made.kind.scope:
            case Scope.NODE:
                could = without(node=made.scope)
            case Scope.ZONE:
                could = without(zone=made.scope)
            case Scope.IP:
                could = without(ip=made.scope)
            case _:
                return made
        if made.kind.scope in (Scope.NODE, Scope.ZONE) and not _elsewhere(made):
            return replace(made, capacity=could.says, refusal=made.refusal or f"No engine lives outside of {made.scope}: nobody could take over its mail.")
    except (Node.DoesNotExist, Zone.DoesNotExist, SendingIP.DoesNotExist):
        return replace(made, refusal=f"There is no {made.kind.scope} {made.scope}.")
    return replace(made, capacity=could.says, refusal=made.refusal or ("" if could.carries else f"The rest could not carry the load. {could.says}"))


def _elsewhere(made: Preview) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_ELSEWHERE, {"node": made.scope if made.kind.scope is Scope.NODE else "", "zone": made.scope if made.kind.scope is Scope.ZONE else ""})
        return bool(cursor.fetchone()[0])


def _running(kind: Kind) -> str:
    """One fault at a time: a second one would measure both."""
    other = Drill.objects.filter(state=Drill.State.RUNNING).exclude(kind__in=(DrillKind.SEND_MESSAGE, DrillKind.BREAK_IP)).order_by("-id").first()
    return f"One is running: {other.get_kind_display()}. One at a time, or the stopwatch would measure both." if other else ""


def _few(kind: Kind) -> str:
    if kind.key != DrillKind.KILL_ENGINE:
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM delivery_engine WHERE NOT draining AND renewed_at > platform_now() - interval '1 s'")
        return "" if cursor.fetchone()[0] >= 2 else "Fewer than two engines live: nobody could take over the mail."


def _two_zones() -> str:
    return "" if Zone.objects.filter(state=PlaceState.ACTIVE).count() > 1 else "Not available: there is one zone, and nobody could take over its mail."


def _standby() -> str:
    named = settings.DATABASES["default"]
    with connection.cursor() as cursor:
        seen = database_switch.look(cursor, str(named.get("HOST") or ""), len(str(named.get("HOST") or "").split(",")))
    return "" if seen.could_switch else f"Not available: no standby could take over. {database_switch.sentence(seen)}"


def _embedded() -> str:
    from monitoring.drills import restore

    return restore.unavailable()


def _dns() -> str:
    return "" if declared.candidates() else "Not available: no record set that changes by itself has a second target to go to."


_WANTS: dict[str, Callable[[], str]] = {
    DrillKind.CUT_ZONE: _two_zones, DrillKind.DATABASE_SWITCH: _standby, DrillKind.RESTORE_BACKUP: _embedded, DrillKind.DNS_FAILOVER: _dns,
}  # fmt: skip
