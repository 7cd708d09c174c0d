import pytest
from django.test import Client

from tests.api.world import Sender, make_sender
from tests.console.conftest import as_role, browser, quick_passwords, world  # noqa: F401 - fixtures


@pytest.fixture
def acme(db: None) -> Sender:
    return make_sender("acme")


@pytest.fixture
def other(db: None) -> Sender:
    return make_sender("other")


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=True)
