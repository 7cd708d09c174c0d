"""A world, clients of every role, and one real browser a run."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from tests.browsing import chromium
from tests.console.world import World, make_world


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
    """For one file: as long as it is there, nothing else in this thread can run a loop."""
    with chromium() as launched:
        yield launched
