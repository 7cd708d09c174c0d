"""The same stand-in engines and real agents as in tests/monitoring, in a sandbox where drills are allowed."""

from tests.monitoring.conftest import node, url, world

__all__ = ["node", "url", "world"]
