"""Subject: what an incident is about, as the rows and names of it, so that what concerns it can be told from what does not."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from monitoring.alerts.models import Incident
from monitoring.metrics.catalog import Dimension
from monitoring.metrics.gather.places import id_of
from monitoring.metrics.models import MetricSubject
from pools.models import Node, PoolMember, SendingIP, Stream, Zone

MOST_NAMES = 500
_D = Dimension


@dataclass(frozen=True, slots=True)
class About:
    """None: whichever. `names`: how people write of it; `others`: how they write of its like."""

    zone: int | None = None
    nodes: frozenset[int] | None = None
    ips: frozenset[int] | None = None
    provider: int | None = None
    pool: int | None = None
    tenant: int | None = None
    endpoint: int | None = None
    names: frozenset[str] = field(default_factory=frozenset)
    others: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_everything(self) -> bool:
        return not self.names

    def is_meant_by(self, text: str) -> bool:
        """It is named, or none of its like is."""
        return self.is_everything or _says(text, self.names) or not _says(text, self.others)


def about(incident: Incident) -> About:
    """What cannot be told more narrowly is everything."""
    dimension, key = incident.dimension, incident.subject
    if dimension == _D.PATH:
        ip, _, provider = key.partition("/")
        of_ip = _rows(_D.IP, ip)
        return _named(of_ip, {_D.IP: ip, _D.PROVIDER: provider}, provider=id_of(provider))
    return _named(_rows(dimension, key), {_D(dimension): key}) if dimension in _NARROW and (key.isdecimal() or dimension == _D.PROVIDER) else About()


_NARROW = (_D.ZONE, _D.NODE, _D.IP, _D.PROVIDER, _D.POOL, _D.TENANT, _D.STREAM, _D.ENDPOINT)


def _rows(dimension: str, key: str) -> About:
    id_ = id_of(key) or 0
    if dimension == _D.ZONE:
        nodes = frozenset(Node.objects.filter(zone=id_).values_list("pk", flat=True))
        return About(zone=id_, nodes=nodes, ips=_ips(nodes), names=frozenset(Node.objects.filter(pk__in=nodes).values_list("name", flat=True)))
    if dimension == _D.NODE:
        zone = Zone.objects.filter(nodes=id_).values_list("pk", flat=True).first()
        return About(zone=zone, nodes=frozenset({id_}), ips=_ips({id_}))
    if dimension == _D.IP:
        nodes = frozenset(Node.objects.filter(ips=id_).values_list("pk", flat=True))
        return About(nodes=nodes, ips=frozenset({id_}))
    if dimension == _D.POOL:
        return About(pool=id_, ips=frozenset(PoolMember.objects.filter(pool=id_).values_list("ip_id", flat=True)))
    if dimension == _D.PROVIDER:
        return About(provider=id_of(key))
    if dimension == _D.STREAM:
        return About(tenant=Stream.objects.filter(pk=id_).values_list("tenant_id", flat=True).first())
    return About(tenant=id_) if dimension == _D.TENANT else About(endpoint=id_)


def _named(of: About, keys: dict[Dimension, str], provider: int | None = None) -> About:
    """With the names of its own, and of those of the same kind."""
    kinds = [*keys, *([_D.NODE] if _D.ZONE in keys else []), *([_D.TENANT] if _D.STREAM in keys else [])]
    ours, others = set(of.names), set[str]()
    for dimension, key, label in MetricSubject.objects.filter(dimension__in=kinds).values_list("dimension", "key", "label")[:MOST_NAMES]:
        (ours if keys.get(_D(dimension)) == key else others).add(label)
    names = frozenset(ours) or frozenset(keys.values())
    return About(of.zone, of.nodes, of.ips, of.provider or provider, of.pool, of.tenant, of.endpoint, names, frozenset(others - ours))


def _ips(nodes: Iterable[int]) -> frozenset[int]:
    return frozenset(SendingIP.objects.filter(node__in=nodes).values_list("pk", flat=True))


def _says(text: str, names: Iterable[str]) -> bool:
    """As a word of its own: 127.10.1.1 is not in 127.10.1.12."""
    words = "|".join(re.escape(name) for name in names if name)
    return bool(words) and re.search(rf"(?<![\w-])(?<!\w\.)(?:{words})(?![\w-]|\.\w)", text) is not None
