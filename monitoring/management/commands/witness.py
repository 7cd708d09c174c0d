"""`manage.py witness`: a further vantage point, on the database host or any small machine that reaches database and endpoints."""

import socket
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Knocks at the platform's endpoints from here and votes with the zones' watchers on which of them live. Sends no mail, needs no node."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", default=f"witness {socket.gethostname()}"[:80], help="The vantage point's name (default: witness and this host's name).")

    def handle(self, *args: object, **options: object) -> None:
        from monitoring.endpoints.vantage import VantagePoint
        from monitoring.rhythm import Rhythm
        from monitoring.this_machine import machine_number

        rhythm = Rhythm()
        rhythm.obey_signals()
        VantagePoint(settings.DATABASE_URL, str(options["name"])[:80], "witness", "", rhythm, machine_number()).run()
