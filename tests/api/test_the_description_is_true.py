"""The OpenAPI document is valid, complete, and real answers are what it says; its page works under the site's own policy."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from tests.api.world import Sender

CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]


def test_it_validates_without_a_warning() -> None:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert "openapi: 3." in out.getvalue()


def test_every_address_of_the_api_is_described(client: Client) -> None:
    paths = client.get("/api/v1/schema", HTTP_ACCEPT="application/vnd.oai.openapi+json").json()["paths"]
    described = {(path, method) for path, operations in paths.items() for method in operations}
    assert {
        ("/api/v1/messages", "post"), ("/api/v1/messages", "get"), ("/api/v1/messages/batch", "post"), ("/api/v1/messages/{message_id}", "get"),
        ("/api/v1/messages/{message_id}/cancel", "post"), ("/api/v1/suppressions", "get"), ("/api/v1/suppressions", "post"),
        ("/api/v1/suppressions/{suppression_id}", "delete"),
    } <= described  # fmt: skip


def test_the_page_has_nothing_inline(client: Client) -> None:
    page = client.get("/api/v1/docs", HTTP_ACCEPT="text/html")
    assert page.status_code == 200
    text = page.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|style=|onload=|https?://", text)
    assert "script-src 'self'" in page["Content-Security-Policy"]
    script = client.get("/api/v1/docs?script=")
    assert (script.status_code, script["Content-Type"]) == (200, "application/javascript")


@contextmanager
def kept_connection() -> Iterator[None]:
    """A WSGI request would close this test's connection and its transaction; Django's own test client does the same as this."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.filterwarnings("ignore")
def test_real_answers_are_what_it_says(client: Client, acme: Sender) -> None:
    sent = acme.send(client).json()["id"]
    description = client.get("/api/v1/schema", HTTP_ACCEPT="application/vnd.oai.openapi+json").json()
    schema = schemathesis.openapi.from_dict(description)
    schema.app = get_wsgi_application()
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 8
    with kept_connection():
        for operation in operations:
            _hold(operation, acme.key, sent)


def _hold(operation: Any, key: str, sent: str) -> None:
    """Ask many things of one address, well-formed and not, and hold every answer against the description."""

    @given(data=st.data())
    @settings(max_examples=4, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
    def ask(data: Any) -> None:
        case = data.draw(operation.as_strategy())
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {key}"}
        if case.path_parameters and "message_id" in case.path_parameters and data.draw(st.booleans()):
            case.path_parameters["message_id"] = sent
        case.validate_response(case.call(), checks=CHECKS)

    ask()
