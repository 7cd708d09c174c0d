"""`manage.py demo_traffic`: becomes the traffic generator, which is a program of its own and knows the platform by its API alone."""

import os
import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Sends a few made-up messages a second into the sandbox, through the REST API, from the three demo tenants."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        if settings.MAIL_MODE != "sandbox":
            raise CommandError("Demo traffic is for the sandbox: its people are made up, their domains are not.")
        environment = {**os.environ, "DATA_DIR": str(settings.DATA_DIR), "PUBLIC_URL": settings.PUBLIC_URL, "MAIL_MODE": settings.MAIL_MODE}
        os.chdir(settings.BASE_DIR)
        os.execve(sys.executable, [sys.executable, "-m", "mailplatform.up.demo"], environment)  # noqa: S606 - this program, another entry
