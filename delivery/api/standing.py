"""Standing: GET /standing: how the key's own tenant stands, by which figures, and what was done about it. Nobody else's."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from delivery.api import standing_schema
from delivery.api.paging import refuse_unknown
from mailplatform.shell.clock import now
from mailplatform.tenants.access import TenantView
from mailplatform.tenants.keys import Scope
from mailplatform.tenants.models import Tenant
from pools.models import Stream
from pools.neighbours import figures
from pools.neighbours.models import Level, NewcomerCap, StandingAction, TenantStanding
from pools.neighbours.policy import policy
from pools.neighbours.standing import ORDER


class Standing(TenantView):
    """The tenant's own."""

    scope = Scope.READ

    @standing_schema.GET
    def get(self, request: Request) -> Response:
        refuse_unknown(request.query_params.dict(), ())
        at, asked = now(), policy()
        standing = TenantStanding.objects.filter(tenant_id=self.tenant_id).first()
        bad = standing if standing and standing.level != Level.GOOD else None
        return Response({
            "level": bad.level if bad else str(Level.GOOD), "since": bad.since if bad else None, "sentence": bad.sentence if bad else "",
            "actions": self._actions(), "streams": [_stream(each) for each in figures.of_streams(self.tenant_id, asked, at)],
            "cap": self._cap(at),
        })  # fmt: skip

    def _actions(self) -> list[dict[str, Any]]:
        rows = StandingAction.objects.filter(tenant_id=self.tenant_id, state=StandingAction.State.ACTIVE).order_by("kind", "pk")
        names = dict(Stream.objects.filter(tenant_id=self.tenant_id).values_list("pk", "name"))
        told = {row: {"kind": row.kind, "stream": names.get(row.stream_id), "sentence": row.sentence} for row in rows}
        return [{**words, "since": row.begun_at, "expires_at": row.expires_at} for row, words in told.items()]

    def _cap(self, at: Any) -> dict[str, Any] | None:
        daily = Tenant.objects.values_list("daily_cap", flat=True).get(pk=self.tenant_id)
        if daily is None:
            return None
        growing = NewcomerCap.objects.filter(tenant_id=self.tenant_id, lifted_at=None).exists()
        return {"in_24_hours": daily, "accepted": figures.accepted_today(self.tenant_id, at), "grows": growing}


def _stream(each: figures.StreamFigures) -> dict[str, Any]:
    return {"name": each.name, "held": bool(each.held_why), "held_because": each.held_why, "rates": [_rate(bar) for bar in each.bars]}


def _rate(bar: figures.Bar) -> dict[str, Any]:
    limits = {level: percent for level, percent, _ in bar.ticks}
    return {
        "of": str(bar.rate.measure), "window": bar.rate.window, "percent": round(bar.rate.percent, 3), "surely_percent": round(100 * bar.rate.surely, 3),
        "samples": round(bar.rate.samples), "enough": bar.enough, "thresholds_percent": {str(level): limits.get(str(level)) for level in ORDER[1:]},
    }  # fmt: skip
