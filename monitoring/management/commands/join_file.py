"""join_file: what another machine needs to join this platform, in a file that this user alone may read.

Never: prints a secret, overwrites a file, leaves it readable for others, not even for a moment.
"""

import argparse
import os
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from psycopg import Error
from psycopg.conninfo import conninfo_to_dict

from mailplatform.shell.database.address import servers

# The same on all machines; of the sandbox: where its simulated internet is (mailplatform.up.join reads them).
SHARED = (
    "RETURN_PATH_DOMAIN", "RETURN_PATH_DAYS", "INCOMING_NAME", "FEEDBACK_ADDRESSES", "DKIM_ZONE", "OWNERSHIP_GRACE_DAYS", "MAX_MESSAGE_BYTES",
    "MAX_REQUEST_BYTES", "WEBHOOK_KEEP_DAYS",
)  # fmt: skip
OF_THE_SANDBOX = ("RESOLVER", "DANE_RESOLVER", "SMTP_PORT", "MTA_STS_PORT", "EXTRA_CA_FILE", "SANDBOX_URL", "ALLOWANCE_HOUR_S", "ALLOWANCE_DAY_S")


class Command(BaseCommand):
    help = "Write what another machine needs to join this platform into FILE (mode 0600): secrets, the database's address, shared settings."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--database", default="", help="the database's address as the other machine reaches it (default: this machine's own)")

    def handle(self, *args: object, **options: object) -> None:
        file, url = Path(str(options["file"])), str(options["database"] or settings.DATABASE_URL)
        try:
            local = all(not host or host.startswith("/") for host, _ in servers(conninfo_to_dict(url)))
        except Error:
            raise CommandError("--database is no address: give a URL like postgresql://mailplatform@db1:5432/mailplatform.") from None
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM platform_installation")
            platform = cursor.fetchone()[0]
        names = (*SHARED, *(OF_THE_SANDBOX if settings.MAIL_MODE == "sandbox" else ()))
        values = {
            "PLATFORM_ID": str(platform),
            "DATABASE_URL": url,
            "SECRET_KEY": settings.SECRET_KEY,
            "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
            "METRICS_TOKEN": settings.METRICS_TOKEN,
            **{name: _line(getattr(settings, name)) for name in names if getattr(settings, name) not in ("", [], None)},
        }
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{file} cannot be made ({error.strerror}): name a file that is not there yet, in a folder of yours.") from None
        with os.fdopen(descriptor, "w") as out:
            os.fchmod(descriptor, 0o600)
            out.write("".join(f"{name}={value}\n" for name, value in values.items() if value))
        where = " The database is on a socket of this machine: only this machine can join with it." if local else ""
        self.stdout.write(f"{file} holds this platform's secrets, and this user alone may read it.{where}")
        self.stdout.write(f"Bring it to the other machine by a safe way (scp), run there\n  bin/up --join --secrets {file.name} --zone NAME")
        self.stdout.write("and delete it in both places: the other machine's data folder keeps what it needs.")


def _line(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
