"""Places: which IP stands on which node in which zone, which providers are small, and everybody's name. Read whole, every half minute.

Small providers come and go by the thousand: they are one subject, or the metrics would grow with the world's mail hosts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mailplatform.shell.database.rows import select
from monitoring.metrics.catalog import Dimension

ALL = "all"
SMALL = "small"  # the subject of all small providers together
_D = Dimension
_PLACES = """
SELECT z.id, z.name, n.id, n.name, n.state = 'active' AND z.state = 'active' FROM pools_zone z LEFT JOIN pools_node n ON n.zone_id = z.id ORDER BY 1, 3
"""
_IPS = "SELECT id, host(address), node_id FROM pools_sendingip ORDER BY id"
_PROVIDERS = "SELECT id, name FROM pools_provider WHERE NOT is_tail ORDER BY id"
_NAMES = {
    _D.POOL: "SELECT id, name FROM pools_pool ORDER BY id",
    _D.TENANT: "SELECT id, name FROM tenants_tenant ORDER BY id",
    _D.STREAM: "SELECT s.id, t.name || ' / ' || s.name FROM pools_stream s JOIN tenants_tenant t ON t.id = s.tenant_id ORDER BY s.id",
    _D.ENDPOINT: "SELECT id, name FROM monitoring_endpoint ORDER BY id",
}
_MEMBERS = "SELECT ip_id, pool_id FROM pools_poolmember"


def provider_key(id_: int | None) -> str:
    """Its subject's key; small ones come as 0 or nothing."""
    return str(id_) if id_ else SMALL


def id_of(key: str) -> int | None:
    """Of a subject that is a row."""
    return int(key) if key.isdecimal() else None


@dataclass(frozen=True, slots=True)
class Places:
    zone_of: Mapping[int, int] = field(default_factory=dict)  # node -> zone
    node_of: Mapping[int, int] = field(default_factory=dict)  # IP -> node
    pools_of: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # IP -> pools
    working: frozenset[int] = frozenset()  # nodes that are in service
    labels: Mapping[tuple[str, str], str] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # dimension -> every subject that there is

    def with_zeros(self, dimension: str, values: Mapping[str, float]) -> dict[str, float]:
        """Who is there and had nothing had zero."""
        return {key: values.get(key, 0.0) for key in self.keys.get(dimension, ())} | dict(values)


def load() -> Places:
    labels: dict[tuple[str, str], str] = {(_D.PROVIDER, SMALL): "Small providers"}
    zone_of: dict[int, int] = {}
    working: set[int] = set()
    for zone, zone_name, node, node_name, works in select(_PLACES):
        labels[_D.ZONE, str(zone)] = zone_name
        if node is not None:
            labels[_D.NODE, str(node)] = node_name
            zone_of[node] = zone
            working |= {node} if works else set()
    node_of: dict[int, int] = {}
    for ip, address, node in select(_IPS):
        labels[_D.IP, str(ip)] = address
        node_of[ip] = node
    for provider, name in select(_PROVIDERS):
        labels[_D.PROVIDER, str(provider)] = name.partition(" / ")[0].partition(" (")[0]
    for dimension, sql in _NAMES.items():
        labels |= {(dimension, str(id_)): name for id_, name in select(sql)}
    pools_of: dict[int, tuple[int, ...]] = {}
    for ip, pool in select(_MEMBERS):
        pools_of[ip] = (*pools_of.get(ip, ()), pool)
    return Places(zone_of, node_of, pools_of, frozenset(working), labels, _keys(labels))


def _keys(labels: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    keys: dict[str, list[str]] = {}
    for dimension, key in labels:
        keys.setdefault(dimension, []).append(key)
    return {dimension: tuple(of) for dimension, of in keys.items()}
