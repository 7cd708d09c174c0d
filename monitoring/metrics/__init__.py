"""Metrics: what is measured every ten seconds, kept small enough for a year, and read for charts, alerts and Prometheus."""
