"""`manage.py watcher`: the watcher of the zone that ZONE names."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Looks at all engines many times a second; gives back the claims of those whose node is out of reach."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--zone", default=settings.ZONE, help="The zone's name (environment: ZONE).")

    def handle(self, *args: object, **options: object) -> None:
        from monitoring.endpoints.vantage import beside
        from monitoring.rhythm import Rhythm, go_first
        from monitoring.watch import Watcher

        zone = str(options["zone"] or "")
        if not zone:
            raise CommandError("Name the zone: set ZONE, or give --zone.")
        go_first()
        rhythm = Rhythm()
        rhythm.obey_signals()
        beside(settings.DATABASE_URL, zone, rhythm)
        Watcher(settings.DATABASE_URL, zone, rhythm).run()
