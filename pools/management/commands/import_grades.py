"""`manage.py import_grades FILE`: what Microsoft SNDS or Google Postmaster Tools say of our IPs and domains."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailplatform.shell.audit import record
from pools.listings.grades import MAX_BYTES
from pools.listings.imports import look_into, store


class Command(BaseCommand):
    help = "Import grades of providers from a file: Microsoft SNDS (CSV), Google Postmaster Tools (CSV, or the API's JSON)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--domain", default="", help="Whose figures they are, for a CSV of Postmaster Tools that does not say.")
        parser.add_argument("--dry-run", action="store_true", help="Tell what would be stored, and store nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        try:
            with file.open("rb") as opened:
                raw = opened.read(MAX_BYTES + 1)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        seen = look_into(raw, options["domain"])
        for line, why in seen.parsed.unreadable:
            self.stderr.write(f"line {line}: {why}")
        if not seen.parsed.rows:
            raise CommandError("Nothing in it could be read.")
        if seen.unknown:
            strangers = sorted({row.subject for row in seen.unknown})
            self.stderr.write(f"{len(seen.unknown)} rows are of IPs or domains that are not ours: {', '.join(strangers[:10])}")
        if options["dry_run"]:
            self.stdout.write(f"{seen.parsed.what}: {len(seen.known)} rows would be stored.")
            return
        stored = store(seen.known, file.name, "import_grades")
        record("import_grades", "grades imported", f"file {file.name}", f"Imported {stored} grades of {seen.parsed.what} from {file.name}.")
        self.stdout.write(f"{seen.parsed.what}: {stored} rows stored.")
