"""`manage.py incoming`: takes what comes back: bounces, feedback reports, auto-replies (delivery/returns)."""

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Listens at INCOMING for mail to return paths and feedback addresses."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        from delivery.returns.serve import serve
        from delivery.smtpd.listener import run

        run(serve)
