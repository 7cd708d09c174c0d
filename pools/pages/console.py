"""The pages of reputation: the matrix of paths, what was done by itself."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path as address
from django.urls import reverse

from mailplatform.shell.clock import now
from mailplatform.shell.live import fragment
from mailplatform.shell.navigation import Count, Group, register
from mailplatform.shell.pages import page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.tables import keyset_page
from pools.pages import deed_console, deeds, matrix_rows, policy_console
from pools.pages.matrix import BANDS, CellState, Facts, Matrix, Wanted, build
from pools.pages.matrix_cells import draw
from pools.pages.matrix_words import first_line, second_line
from pools.pages.why import rules_now
from pools.reputation.models import Action

LIVE_EVERY_S, LIVE_EVERY_DENSE_S = 4, 10
MOST_ORDERED = 40


@page(Permission.SEE)
def matrix(request: HttpRequest) -> HttpResponse:
    """Every path at a glance: sending IPs and providers."""
    return render(request, "pools/matrix.html", _matrix(request))


@page(Permission.SEE, under="matrix")
def matrix_now(request: HttpRequest) -> HttpResponse:
    return fragment(request, "pools/_matrix.html", _matrix(request))


@page(Permission.SEE)
def deeds_page(request: HttpRequest) -> HttpResponse:
    """What reputation did and proposes, in all pools."""
    state = request.GET.get("state", "")
    table = keyset_page(request, deeds.everywhere(state))
    context = {
        "table": table, "deeds": deeds.rows(table.rows), "state": state, "states": Action.State.choices, "proposals": deeds.proposals(), "rules": rules_now(),
    }  # fmt: skip
    return render(request, "pools/deeds.html", context)


def _matrix(request: HttpRequest) -> dict[str, Any]:
    facts = matrix_rows.read(_numbers(request.GET.get("order", "")))
    wanted = _wanted(request, facts)
    made, at = build(facts, wanted), now()
    state, sentence = first_line(made, {ip.id: ip for ip in facts.ips}, at)
    return {
        "matrix": made, "wanted": wanted, "state": state, "sentence": sentence, "second_line": second_line(made), "drawn": _drawn(made),
        "pools": sorted({member.pool for member in facts.members}), "providers": [(one, facts.names[one]) for one in facts.columns],
        "states": ["not open", *(str(one) for one in CellState if one != CellState.OPEN)], "refresh": _refresh(wanted, facts),
        "bands": BANDS[::-1],
        "every": LIVE_EVERY_DENSE_S if len(made.cells) > 600 else LIVE_EVERY_S,
    }  # fmt: skip


def _drawn(made: Matrix) -> list[dict[str, Any]]:
    path_url, ip_url = reverse("path", args=[0])[:-2], reverse("ip", args=[0])[:-2]
    return [{"group": group, "rows": [(row, draw(row, made, path_url, ip_url)) for row in group.rows]} for group in made.groups]


def _wanted(request: HttpRequest, facts: Facts) -> Wanted:
    """What is asked for, as far as there is such a thing."""
    provider = _numbers(request.GET.get("provider", ""))[:1]
    state, pool = request.GET.get("state", ""), request.GET.get("pool", "")
    return Wanted(
        pool if any(member.pool == pool for member in facts.members) else "",
        provider[0] if provider and provider[0] in facts.columns else None,
        state if state == "not open" or state in set(CellState) else "",
    )


def _refresh(wanted: Wanted, facts: Facts) -> str:
    """The address of the live part: the same filter, the same order of columns."""
    asked = {"pool": wanted.pool, "provider": "" if wanted.provider is None else wanted.provider, "state": wanted.state}
    order = ",".join(str(one) for one in facts.columns)
    return f"{reverse('matrix_now')}?{urlencode({**{name: value for name, value in asked.items() if value != ''}, 'order': order})}"


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(",")[:MOST_ORDERED] if one.isascii() and one.isdecimal() and len(one) < 19]


def _waiting() -> Count | None:
    waiting = deeds.proposals()
    return Count(waiting, "proposed", "limited") if waiting else None


register(Group.SENDING, "Path matrix", "matrix", Permission.SEE, 5)
register(Group.SENDING, "Actions", "deeds", Permission.SEE, 7, count=_waiting)

urlpatterns = [
    address("matrix/", matrix, name="matrix"),
    address("matrix/now/", matrix_now, name="matrix_now"),
    address("actions/", deeds_page, name="deeds"),
    *deed_console.urlpatterns,
    *policy_console.urlpatterns,
]
