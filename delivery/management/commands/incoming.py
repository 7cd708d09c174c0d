"""`manage.py incoming`: takes what comes back: bounces, feedback reports, auto-replies (delivery/returns)."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Listens at INCOMING for mail to return paths and feedback addresses."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        from delivery.returns.serve import serve
        from delivery.smtpd.listener import run

        if not settings.INCOMING:
            raise CommandError("Say where to listen: set INCOMING to ADDRESS:PORT, like 0.0.0.0:25.")
        try:
            run(serve)
        except OSError as error:
            raise CommandError(f"It cannot listen at {settings.INCOMING}: {error}. Port 25 is for root, or for who has CAP_NET_BIND_SERVICE.") from None
