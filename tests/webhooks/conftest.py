from collections.abc import Callable

import pytest
from django.test import Client

from tests.api.world import Sender, make_sender
from tests.console.world import World, make_world


@pytest.fixture
def acme(db: None) -> Sender:
    return make_sender("acme")


@pytest.fixture
def other(db: None) -> Sender:
    return make_sender("other")


@pytest.fixture
def world(db: None) -> World:
    return make_world()


@pytest.fixture
def as_role(world: World, settings: object) -> Callable[[str], Client]:
    """A signed-in client of a role."""

    def sign_in(role: str) -> Client:
        client = Client()
        client.force_login(world.people[role], backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return sign_in
