"""`manage.py submission`: takes tenants' mail over SMTP (delivery/smtpd), except while this machine is out of service (monitoring/zones)."""

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Listens at SUBMISSION, SUBMISSION_TLS and SUBMISSION_RELAY for the mail of tenants' programs."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        from functools import partial

        from delivery.smtpd.listener import run
        from delivery.smtpd.serve import serve
        from monitoring.zones.outage import why_out_here

        run(partial(serve, why_out=why_out_here))
