"""Which of the platform's nodes this machine runs: decided at its start, written into the database, so that no two machines run the same ones.

Owns: this machine's row in monitoring_machine, and with `join` the zone and node that it was told to make. Promises: a node that another machine has is refused
or left to it; the same start again changes nothing. Never: takes a node from another machine, alive or not: people forget a machine that is no more.
"""

from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from mailplatform.shell.clock import now
from mailplatform.up.installation import Installation
from mailplatform.up.options import Refused
from monitoring.models import Machine
from pools.models import Node, Pool, PoolMember, SendingIP, Zone

_LOCK = 7_303_110_031  # two machines that start at once decide one after the other
IPS_OF_A_NEW_NODE = 2  # in the sandbox, where loopback addresses are for the taking


@dataclass(frozen=True, slots=True)
class Asked:
    number: UUID
    zone: str = ""
    node: str = ""
    joins: bool = False


def nodes_of(asked: Asked) -> list[tuple[str, str]]:
    """(node, zone) of what this machine runs from now on; Refused."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        zone = _zone(asked)
        mine = _mine(asked, zone)
        row, _ = Machine.objects.update_or_create(
            pk=asked.number,
            defaults={"name": gethostname()[:255], "zone": zone, "public_url": settings.PUBLIC_URL, "joined": asked.joins, "started_at": now()},
        )
        row.nodes.set(mine)
    return [(node.name, node.zone.name) for node in mine]


def _zone(asked: Asked) -> Zone | None:
    if not asked.zone:
        return None
    found = Zone.objects.filter(name=asked.zone).first()
    if found is None and asked.joins and asked.node:
        return Zone.objects.create(name=asked.zone, title=asked.zone.replace("-", " ").title())
    if found is None:
        names = list(Zone.objects.values_list("name", flat=True))
        make = f" To make it, name its first node too: --zone {asked.zone} --node {asked.zone}-1." if asked.joins else ""
        raise Refused(f"There is no zone '{asked.zone}': there {'are' if len(names) > 1 else 'is'} {', '.join(names) or 'none'}.{make}")
    return found


def _mine(asked: Asked, zone: Zone | None) -> list[Node]:
    elsewhere = {node.pk: machine for machine in Machine.objects.exclude(pk=asked.number).prefetch_related("nodes") for node in machine.nodes.all()}
    if asked.node:
        assert zone is not None
        node = Node.objects.filter(name=asked.node).select_related("zone").first() or _new_node(asked.node, zone)
        if node.zone_id != zone.pk:
            raise Refused(f"Node {node.name} is in zone {node.zone.name}: start it with --zone {node.zone.name}, or name another node.")
        if holder := elsewhere.get(node.pk):
            raise Refused(_taken(node, holder))
        return [node]
    nodes = list(Node.objects.filter(**({"zone": zone} if zone else {})).select_related("zone").order_by("zone__name", "name"))
    mine = [node for node in nodes if node.pk not in elsewhere]
    if asked.joins and zone and not nodes:
        raise Refused(f"Zone {zone.name} has no node: name the one to make, like --node {zone.name}-1.")
    if asked.joins and not mine:
        raise Refused(_taken(nodes[0], elsewhere[nodes[0].pk]))
    return mine


def _taken(node: Node, holder: Machine) -> str:
    return (
        f"Node {node.name} runs on another machine ({holder.name}, {holder.public_url}): give this one a node of its own, like --node {node.zone.name}-2, "
        f"or start that one with --zone of its own. If it is no more, forget it on the page Zones & nodes."
    )


def _new_node(name: str, zone: Zone) -> Node:
    node = Node.objects.create(name=name, zone=zone)
    if settings.MAIL_MODE != "sandbox":
        print(f"Node {name} has no sending IP yet: add them in the console, under Sending IPs.", flush=True)
        return node
    third = next(number for number in range(1, 250) if not SendingIP.objects.filter(address__startswith=f"127.10.{number}.").exists())
    for last in range(1, IPS_OF_A_NEW_NODE + 1):
        ip = SendingIP.objects.create(node=node, address=f"127.10.{third}.{last}", ehlo_name=f"mta-{third}{last}.{name}.platform.example")
        for pool in Pool.objects.filter(kind=Pool.Kind.SHARED):
            PoolMember.objects.create(pool=pool, ip=ip)
    return node


def number_of(data: Path) -> UUID:
    return UUID(Installation(data).number())
