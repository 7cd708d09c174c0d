"""`manage.py warmup_plans export|import FILE`: warm-up plans as a JSON file; `-` is the standard input or output."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from warming.models import WarmupPlan
from warming.plan_files import PlansRefused, export, import_plans


class Command(BaseCommand):
    help = "Write all warm-up plans to a file, or bring in those of a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=("export", "import"))
        parser.add_argument("file", help="- is the standard input or output")

    def handle(self, *args: Any, what: str, file: str, **options: Any) -> None:
        try:
            self.stdout.write(_export(file) if what == "export" else _import(file), ending="")
        except PlansRefused as why:
            raise CommandError(str(why)) from None
        except (OSError, UnicodeDecodeError) as why:
            raise CommandError(f"{file}: {why}") from None


def _export(file: str) -> str:
    plans = list(WarmupPlan.objects.all())
    if file == "-":
        return export(plans)
    Path(file).write_text(export(plans), encoding="utf-8")
    return f"{len(plans)} warm-up plans.\n"


def _import(file: str) -> str:
    done = import_plans(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
    return "".join(f"Made {name}.\n" for name in done.made) + f"{done.kept} were here already.\n"
