"""`manage.py load_warmup_plans`: bring the shipped warm-up plans into the database."""

from typing import Any

from django.core.management.base import BaseCommand

from warming.plans import load_plans


class Command(BaseCommand):
    help = "Load the shipped warm-up plans; an operator's plans are kept."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{load_plans()} warm-up plans.")
