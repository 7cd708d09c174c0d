"""Monitoring's doors: what machines ask, the overview, nodes, health, drills, incidents."""

from django.urls import include, path

from monitoring import console, health
from monitoring.zones import console as zones

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("", console.overview, name="overview"),
    path("overview/head/", console.overview_head, name="overview_head"),
    path("overview/try/", console.overview_try, name="overview_try"),
    path("overview/flow/", console.overview_flow, name="overview_flow"),
    path("overview/nodes/", console.overview_nodes, name="overview_nodes"),
    path("overview/notices/", console.overview_notices, name="overview_notices"),
    path("try/send/", console.try_send, name="try_send"),
    path("try/kill/", console.try_kill, name="try_kill"),
    path("try/freeze/", console.try_freeze, name="try_freeze"),
    path("try/break/", console.try_break, name="try_break"),
    path("try/heal/", console.try_heal, name="try_heal"),
    *zones.urlpatterns,
    path("", include("monitoring.drills.console")),
    path("", include("monitoring.alerts.incident_pages")),
    path("", include("monitoring.alerts.rule_pages")),
    path("", include("monitoring.telling.console")),
    path("", include("monitoring.health_page.console")),
    path("", include("monitoring.metrics.explore_page")),
]
