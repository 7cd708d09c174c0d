from typing import Any

import pytest
from django.test import Client

from delivery.unsubscribe import bounds
from tests.api.conftest import acme, other  # noqa: F401 - fixtures
from tests.console.conftest import browser  # noqa: F401 - a fixture


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=True, enforce_csrf_checks=True)


@pytest.fixture(autouse=True)
def somebody_takes_mail(settings: Any) -> None:
    settings.INCOMING = "127.0.0.1:2526"


@pytest.fixture(autouse=True)
def nobody_knocked_before() -> None:
    bounds.forged._seen.clear()
    bounds.links._seen.clear()
