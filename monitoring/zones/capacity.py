"""Capacity: could the rest carry the present load without this zone, node or sending IP?

The answer with its reasons, for the page *Capacity*, for what an evacuation will mean, and for drills, which are refused where it is no. Never: changes
anything.
"""

from monitoring.zones.capacity_rows import facts_now
from monitoring.zones.carry import Facts, NodeRoom, ProviderRoom, Verdict, judge
from pools.models import Node, SendingIP, Zone

__all__ = ["NodeRoom", "ProviderRoom", "Verdict", "without", "without_each_zone"]


def without(*, zone: Zone | str = "", node: Node | str = "", ip: SendingIP | str = "") -> Verdict:
    """Exactly one of the three, as an object or by its name or address. Raises DoesNotExist for one that is not there."""
    if sum(map(bool, (zone, node, ip))) != 1:
        raise ValueError("Say one of zone, node, ip.")
    if zone:
        found_zone = zone if isinstance(zone, Zone) else Zone.objects.get(name=zone)
        gone, name = SendingIP.objects.filter(node__zone=found_zone), f"zone {found_zone.name}"
    elif node:
        found_node = node if isinstance(node, Node) else Node.objects.get(name=node)
        gone, name = SendingIP.objects.filter(node=found_node), f"node {found_node.name}"
    else:
        found_ip = ip if isinstance(ip, SendingIP) else SendingIP.objects.get(address=ip)
        gone, name = SendingIP.objects.filter(pk=found_ip.pk), f"IP {found_ip.address}"
    return judge(facts_now(), set(gone.values_list("pk", flat=True)), name)


def without_each_zone() -> list[tuple[Zone, Verdict]]:
    """All zones in service, each gone once, judged by the same facts."""
    facts: Facts = facts_now()
    return [
        (zone, judge(facts, set(SendingIP.objects.filter(node__zone=zone).values_list("pk", flat=True)), f"zone {zone.name}"))
        for zone in Zone.objects.filter(state=Zone.State.ACTIVE)
    ]
