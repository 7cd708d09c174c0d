"""`manage.py alarms`: measures the platform and tells people; of all zones' one acts, and each looks whether the database answers."""

from threading import Thread

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Measures the platform every ten seconds, keeps it, and tells people of incidents. Of several, one acts; the others wait for its end."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        from monitoring.alarms import LOCK, ROUNDS
        from monitoring.rhythm import Rhythm
        from monitoring.steward import Steward
        from monitoring.telling.outage import Sentinel

        rhythm = Rhythm()
        rhythm.obey_signals()
        zone = settings.ZONE or "this platform"
        sentinel = Sentinel(zone, settings.DATA_DIR / f"alarms-{settings.ZONE or 'all'}.json")
        Thread(target=sentinel.run, name="sentinel", daemon=True).start()
        Steward(ROUNDS, rhythm, LOCK).run()
        sentinel.stop()
