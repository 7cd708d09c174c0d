"""Carry: whether what remains could carry the present load when something is gone, and what binds first. Pure.

Load by pool, provider and purpose flows along each pool's sending IPs (its own, borrowed, its fallback's) to the node that each is on and the machine that the
node runs on; all are bounded. Transactional mail is let through first. What does not get through waits.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from mailplatform.shell.formats import duration, number, rate
from monitoring.zones.maxflow import UNBOUNDED, Network
from monitoring.zones.room import Room

PARTS = 1000  # flows are counted in thousandths of a message a second
WORTH_TELLING = 0.005  # of the load, or what a rounding makes
PEAK_LASTS_S = 15 * 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """What a pool sends to a provider now, of one purpose."""

    pool: int
    provider: int
    purpose: int
    per_s: float  # in the fullest minute of the last quarter of an hour
    mean_per_s: float = 0.0  # over the last hour


@dataclass(frozen=True, slots=True)
class Source:
    """A sending IP and where it is."""

    address: str
    node: int


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """`machine`: nodes with the same one share its processors. `per_s`: what its engines may do at most."""

    name: str
    zone: str
    machine: str
    per_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Facts:
    loads: Sequence[Load]
    pools: Mapping[int, tuple[str, Sequence[int]]]  # name, and the IPs that may take its mail
    providers: Mapping[int, str]
    ips: Mapping[int, Source]
    nodes: Mapping[int, NodeFacts]
    machines: Mapping[str, Room]
    rooms: Mapping[tuple[int, int], Room] = field(default_factory=dict)  # (IP, provider); absent: nothing bounds it
    wanted: Collection[int] = ()  # pools that streams point at


@dataclass(frozen=True, slots=True)
class ProviderRoom:
    name: str
    load_per_s: float
    room_per_s: float  # of the IPs that remain and that this load may use
    waits_per_s: float
    why: str  # what bounds the largest of its paths


@dataclass(frozen=True, slots=True)
class NodeRoom:
    name: str
    zone: str
    load_per_s: float  # that would go along it
    room_per_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    carries: bool
    says: str
    without: str
    binds: str = ""
    waits_per_s: float = 0.0
    load_per_s: float = 0.0
    providers: tuple[ProviderRoom, ...] = ()
    nodes: tuple[NodeRoom, ...] = ()
    bare: tuple[str, ...] = ()  # pools that no IP would be left for


def judge(facts: Facts, gone: Collection[int], without: str) -> Verdict:
    """Without the sending IPs `gone`. `without` is how the thing that is gone is called: "zone north"."""
    left = {ip: source for ip, source in facts.ips.items() if ip not in gone and source.node in facts.nodes}
    bare = tuple(sorted(facts.pools[pool][0] for pool in facts.wanted if pool in facts.pools and not any(ip in left for ip in facts.pools[pool][1])))
    total = sum(load.per_s for load in facts.loads)
    sent, by_node = _spread(facts, left, bound_nodes=True)
    waits = {load: _beyond_rounding(load.per_s - sent[load]) for load in facts.loads}
    missing = sum(waits.values())
    nodes = tuple(
        NodeRoom(one.name, one.zone, by_node.get(key, 0.0), min(one.per_s, facts.machines[one.machine].per_s), _narrower(one, facts.machines[one.machine]))
        for key, one in facts.nodes.items() if any(source.node == key for source in left.values())
    )  # fmt: skip
    providers = _providers(facts, left, waits)
    if missing <= WORTH_TELLING * total + 1 / PARTS and not bare:
        return Verdict(True, _yes(without, total, providers, nodes), without, load_per_s=total, providers=providers, nodes=nodes)
    binds = _binds(facts, left, waits, providers, nodes, bare)
    says = _no(facts, without, binds, missing, waits, bare)
    return Verdict(False, says, without, binds, missing, total, providers, nodes, bare)


def _spread(facts: Facts, left: Mapping[int, Source], bound_nodes: bool) -> tuple[dict[Load, float], dict[int, float]]:
    """How much of each load gets through, and along which node."""
    network, into, at_node = Network(), {}, {}
    used: set[tuple[int, int]] = set()
    for load in facts.loads:
        for ip in facts.pools.get(load.pool, ("", ()))[1]:
            if ip in left:
                network.edge(("lane", load.pool, load.provider, load.purpose), ("path", ip, load.provider), UNBOUNDED)
                used.add((ip, load.provider))
    for ip, provider in used:
        room = facts.rooms.get((ip, provider))
        network.edge(("path", ip, provider), ("node", left[ip].node), _parts(room.per_s) if room else UNBOUNDED)
    for key in {left[ip].node for ip, _ in used}:
        node = facts.nodes[key]
        at_node[key] = network.edge(("node", key), ("machine", node.machine), _parts(node.per_s) if bound_nodes else UNBOUNDED)
    for machine in {facts.nodes[key].machine for key in at_node}:
        network.edge(("machine", machine), "sink", _parts(facts.machines[machine].per_s) if bound_nodes else UNBOUNDED)
    for purpose in sorted({load.purpose for load in facts.loads}):
        for load in (one for one in facts.loads if one.purpose == purpose):
            into[load] = network.edge("source", ("lane", load.pool, load.provider, load.purpose), _parts(load.per_s))
        network.push("source", "sink")
    return {load: network.flow(edge) / PARTS for load, edge in into.items()}, {key: network.flow(edge) / PARTS for key, edge in at_node.items()}


def _parts(per_s: float) -> int:
    return min(UNBOUNDED, round(per_s * PARTS)) if per_s < UNBOUNDED else UNBOUNDED


def _beyond_rounding(per_s: float) -> float:
    return per_s if per_s > 1 / PARTS else 0.0


def _narrower(node: NodeFacts, machine: Room) -> str:
    return node.why if node.per_s <= machine.per_s else machine.why


def _providers(facts: Facts, left: Mapping[int, Source], waits: Mapping[Load, float]) -> tuple[ProviderRoom, ...]:
    found = []
    for provider in {load.provider for load in facts.loads}:
        loads = [load for load in facts.loads if load.provider == provider]
        ips = {ip for load in loads for ip in facts.pools.get(load.pool, ("", ()))[1] if ip in left}
        rooms = [facts.rooms.get((ip, provider), Room(float("inf"), "no limit is known")) for ip in ips]
        largest = max(rooms, key=lambda room: room.per_s, default=Room(0.0, "no sending IP is left"))
        found.append(ProviderRoom(facts.providers.get(provider, "a small provider"), sum(load.per_s for load in loads),
                                  sum(room.per_s for room in rooms), sum(waits[load] for load in loads), largest.why))  # fmt: skip
    return tuple(sorted(found, key=lambda one: (-one.waits_per_s, one.room_per_s / max(one.load_per_s, 1e-9))))


def _binds(
    facts: Facts, left: Mapping[int, Source], waits: Mapping[Load, float], providers: Sequence[ProviderRoom], nodes: Sequence[NodeRoom], bare: Sequence[str]
) -> str:
    if bare:
        return f"no sending IP would be left for the {'pools' if len(bare) > 1 else 'pool'} {', '.join(bare[:5])}"
    if not nodes:
        return "no node would be left"
    unbound, _ = _spread(facts, left, bound_nodes=False)
    if sum(max(0.0, load.per_s - unbound[load]) for load in facts.loads) < sum(waits.values()) / 2:
        worst = min(nodes, key=lambda one: one.room_per_s - one.load_per_s)
        return f"node {worst.name} ({worst.why})"
    worst_provider = providers[0]
    return f"{worst_provider.name} ({worst_provider.why} for an IP)"


def _yes(without: str, total: float, providers: Sequence[ProviderRoom], nodes: Sequence[NodeRoom]) -> str:
    if total < 1 / PARTS:
        return f"Yes: nothing is being sent now, and without {without} every pool keeps a sending IP."
    all_rooms: tuple[ProviderRoom | NodeRoom, ...] = (*providers, *nodes)
    bounded = [one for one in all_rooms if one.room_per_s < float("inf")]
    tightest = max(bounded, key=lambda one: one.load_per_s / max(one.room_per_s, 1e-9), default=None)
    words = f"Yes: without {without} what remains carries the present {rate(total)} a second"
    if tightest is None:
        return words + "; no limit is known to be near."
    return f"{words}. Tightest is {tightest.name}: {rate(tightest.load_per_s)} of {rate(tightest.room_per_s)} a second."


def _no(facts: Facts, without: str, binds: str, missing: float, waits: Mapping[Load, float], bare: Sequence[str]) -> str:
    words = f"No: without {without}, {binds}{'' if bare else ' binds first'}"
    if missing * PARTS < 1:
        return words + "."
    first = sum(wait for load, wait in waits.items() if load.purpose == 0)
    words += f"; {rate(missing)} messages a second would wait, {f'{rate(first)} of them' if first * PARTS >= 1 else 'none of them'} transactional"
    piled = missing * PEAK_LASTS_S
    spare = sum(load.per_s for load in facts.loads) - missing - sum(load.mean_per_s for load in facts.loads)
    many = f"{number(round(piled))} after a quarter of an hour"
    if spare * PARTS < 1:
        return f"{words}: {many}, and as long as it sends no less they grow more."
    return f"{words}: {many}, gone {duration(piled / spare)} after it sends its last hour's mean again."

