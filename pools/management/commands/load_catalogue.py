"""`manage.py load_catalogue`: bring providers, response rules and block lists to what is shipped; an operator's changes are kept."""

from typing import Any

from django.core.management.base import BaseCommand

from pools.listings.zones import load_zones
from pools.providers.load import load_catalogue


class Command(BaseCommand):
    help = "Load the shipped providers and response rules; edited rules and overrides are kept."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{load_catalogue()} {load_zones()} block lists.")
