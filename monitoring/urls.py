"""Monitoring's doors: what machines ask, the overview, nodes, drills."""

from django.urls import path

from monitoring import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
