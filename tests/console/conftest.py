"""A world, clients of every role, and one real browser a run."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from tests.console.world import World, make_world


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Five people a world: the real hasher would take most of the time of these tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def world(db: None) -> World:
    return make_world()


@pytest.fixture
def as_role(world: World) -> Callable[[str], Client]:
    """A signed-in client of a role."""

    def sign_in(role: str) -> Client:
        client = Client()
        client.force_login(world.people[role], backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return sign_in


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Debian's Chromium, without a word to the outside. For one file: as long as it is there, nothing else in this thread can run a loop."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("these need Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    # Playwright's synchronous API runs a loop in this thread; Django's ORM is used beside it, never inside it.
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=quiet)
        yield chromium
        chromium.close()
