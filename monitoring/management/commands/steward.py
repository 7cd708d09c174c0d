"""`manage.py steward`: makes the platform's slow decisions; of several, one acts."""

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Decides every few seconds what paths are worth and what warming IPs may send. Of several, one acts; the others wait for its end."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        from monitoring.rhythm import Rhythm
        from monitoring.rounds import ROUNDS
        from monitoring.steward import Steward

        rhythm = Rhythm()
        rhythm.obey_signals()
        Steward(ROUNDS, rhythm).run()
