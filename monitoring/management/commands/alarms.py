"""`manage.py alarms`: measures the platform; of all zones' one acts."""

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Measures the platform every ten seconds and keeps it. Of several, one acts; the others wait for its end."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        from monitoring.alarms import LOCK, ROUNDS
        from monitoring.rhythm import Rhythm
        from monitoring.steward import Steward

        rhythm = Rhythm()
        rhythm.obey_signals()
        Steward(ROUNDS, rhythm, LOCK).run()
