"""Outside: what others say of our addresses: block lists, names that lead nowhere, grades that providers give. Reads what pools.listings keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from pools.reputation.score import UNSAID, External

GRADE_HOLDS = timedelta(days=7)  # as long as it is shown as one that counts (pools.listings.imports)
_ORDER = {"critical": 2, "warning": 1}
_LISTED = "SELECT ip_id, severity, zone FROM pools_listing WHERE cleared_at IS NULL AND ip_id IS NOT NULL AND severity IN ('critical', 'warning')"
_NAMELESS = "SELECT ip_id FROM pools_addresscheck WHERE state = 'failing'"
_GRADES = """
    SELECT DISTINCT ON (g.ip_id, p.id) g.ip_id, p.id, g.grade, g.source || ' (' || g.day || ')'
      FROM pools_providergrade g JOIN pools_provider p ON p.key = g.provider
     WHERE g.ip_id IS NOT NULL AND g.day >= %s AND g.grade <> 'none' ORDER BY g.ip_id, p.id, g.day DESC
"""


@dataclass(frozen=True, slots=True)
class Outside:
    """By sending IP, and by path where a provider has said something."""

    ips: Mapping[int, External] = field(default_factory=dict)
    paths: Mapping[tuple[int, int], External] = field(default_factory=dict)

    def of(self, ip_id: int, provider_id: int) -> External:
        return self.paths.get((ip_id, provider_id)) or self.ips.get(ip_id, UNSAID)


def outside_now(at: datetime) -> Outside:
    """The worst list's word for each IP."""
    ips: dict[int, External] = {}
    with connection.cursor() as cursor:
        cursor.execute(_LISTED)
        for ip, severity, zone in sorted(cursor.fetchall(), key=lambda row: _ORDER[row[1]]):
            ips[ip] = External(severity, zone)
        cursor.execute(_NAMELESS)
        for (ip,) in cursor.fetchall():
            known = ips.get(ip, UNSAID)
            ips[ip] = External(known.listing, known.listed_by, True)
        cursor.execute(_GRADES, [(at - GRADE_HOLDS).date()])
        paths = {}
        for ip, provider, grade, by in cursor.fetchall():
            known = ips.get(ip, UNSAID)
            paths[ip, provider] = External(known.listing, known.listed_by, known.name_fails, grade, by)
    return Outside(ips, paths)
