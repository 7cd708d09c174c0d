"""`manage.py webhooks`: tells tenants' endpoints what befalls their mail. Any number of these may run."""

import asyncio
import signal

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Sends webhooks: posts what befalls mail to the endpoints that tenants named, signed, again until they have it."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        uvloop.run(_run())


async def _run() -> None:
    from delivery.sort.resolver import Resolver
    from delivery.webhooks.sender import Sender
    from mailplatform.shell.outgoing import Outgoing, context_with, permitted

    outgoing = Outgoing(Resolver(settings.RESOLVER).addresses, permitted(), context_with(settings.EXTRA_CA_FILE))
    sender = Sender(settings.DATABASE_URL, outgoing, settings.WEBHOOK_KEEP_DAYS)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, sender.stop)
    await sender.run()
