"""The page Explorer: a chart of any metric by any dimension, its figures, the same as a file, and the way to a rule about it."""

import csv
from io import StringIO

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse

from mailplatform.shell.clock import now
from mailplatform.shell.formats import duration
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import page
from mailplatform.shell.permissions import Permission
from monitoring.metrics import explore as pure
from monitoring.metrics.catalog import METRICS, Dimension, Kind, groups
from monitoring.metrics.explored import answer, choices, table_of
from monitoring.metrics.figure import figure

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute: a subject's name may be a stranger's


@page(Permission.SEE)
def explore(request: HttpRequest) -> HttpResponse:
    asked = _asked(request)
    found = answer(asked)
    rows = [(row, _words(asked, row), _total(asked, row)) for row in found.rows]
    context = {
        "asked": asked, "sentence": pure.sentence(asked, found.rows), "chart": pure.chart(asked, found.lines, found.before, found.labels), "rows": rows,
        "families": groups(), "dimensions": [(str(one), pure.by_words(one)) for one in Dimension],
        "offered": {key: [str(one) for one in metric.dimensions] for key, metric in METRICS.items()},
        "spans": [(key, one[0]) for key, one in pure.SPANS.items()],
        "choices": choices(asked), "tops": pure.TOPS, "is_all": asked.dimension == Dimension.ALL, "note": _note(asked, found.step_s),
        "rule_url": f"{reverse('alert_new')}?{pure.narrowed(asked, list(found.lines)[:1] if asked.subjects else []).rule_query}",
        "compared": min(len(found.lines), pure.MOST_COMPARED) if asked.compare else 0,
    }  # fmt: skip
    return render(request, "monitoring/explore.html", context)


@page(Permission.SEE, under="explore")
def explore_file(request: HttpRequest) -> HttpResponse:
    asked = _asked(request)
    text = StringIO()
    write = csv.writer(text)
    write.writerow(["at", "metric", "dimension", "subject", "label", "value"])
    for at, key, label, value in table_of(asked):
        write.writerow([at.isoformat(), asked.metric.key, asked.dimension, _plain(key), _plain(label), f"{value:.6g}"])
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{asked.metric.key}-by-{asked.dimension}-{asked.until:%Y-%m-%d}.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _asked(request: HttpRequest) -> pure.Question:
    return pure.question(request.GET.dict(), request.GET.getlist("subject"), now())


def _words(asked: pure.Question, row: pure.Told) -> dict[str, str]:
    return {name: pure.words(asked, getattr(row, name)) for name in ("last", "least", "average", "most", "before")}


def _total(asked: pure.Question, row: pure.Told) -> str:
    return "" if row.total is None else figure(asked.metric, row.total)


def _note(asked: pure.Question, step_s: float) -> str:
    """What a point is."""
    if asked.metric.kind is Kind.SHARE:
        return f"A point is the share over {duration(max(step_s, asked.metric.window_s))}; of fewer than {asked.metric.floor} there is none."
    if asked.metric.kind is Kind.COUNT:
        return f"A point is what happened in {duration(step_s)}, by the minute." if step_s else ""
    return f"A point is the average of {duration(step_s)}; least and most are of what was measured." if step_s > 10 else "A point is a measurement."


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


register(Group.NOW, "Explorer", "explore", Permission.SEE, 50)

urlpatterns = [path("explore/", explore, name="explore"), path("explore/data.csv", explore_file, name="explore_file")]
