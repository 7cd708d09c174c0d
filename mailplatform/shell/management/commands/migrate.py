"""Django's `migrate`, which refuses a database of another version with one sentence, before it changes anything."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as Migrate

from mailplatform.shell.database.changes import another_version


class Command(Migrate):
    def handle(self, *args: Any, **options: Any) -> None:
        if refusal := another_version(options["database"]):
            raise CommandError(refusal)
        super().handle(*args, **options)
