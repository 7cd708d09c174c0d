"""`manage.py node_agent`: the agent of the node that NODE names."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Keeps this node's engines running, ends frozen ones and gives the claims of dead ones back."
    requires_system_checks = ()  # it starts again in a hurry

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--node", default=settings.NODE, help="The node's name (environment: NODE).")
        parser.add_argument("--watch-only", action="store_true", help="Do not fill engine slots.")

    def handle(self, *args: object, **options: object) -> None:
        from monitoring.agent import NodeAgent
        from monitoring.rhythm import Rhythm, go_first

        node = str(options["node"] or "")
        if not node:
            raise CommandError("Name the node: set NODE, or give --node.")
        go_first()
        rhythm = Rhythm()
        rhythm.obey_signals()
        NodeAgent(settings.DATABASE_URL, node, settings.DATA_DIR, rhythm, keeps_slots=not options["watch_only"]).run()
