"""The page *Came back*: how much, what was ignored, the latest with their messages; for the platform's people alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from mailplatform.tenants.models import User
from tests.flow.platform import wait_until
from tests.queue.house import House
from tests.returns.arrivals import FEEDBACK, Served, bounce, complaint, counted, delivered, listening, path_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def served(tmp_path: Path, transactional_db: None) -> Iterator[Served]:
    with listening(tmp_path) as served:
        yield served


def _as(role: str, **fields: object) -> Client:
    client = Client()
    client.force_login(User.objects.create_user(f"{role}@platform.example", "x", role=role, **fields), "allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_it_counts_and_leads_to_the_messages(served: Served) -> None:
    first, second = delivered(House.build(), "anna@gmail.com", "bob@gmail.com")
    served.send(path_of(first), bounce("<b>@x.example", "550 5.1.1 <script>alert(1)</script> unknown"))
    served.send(FEEDBACK, complaint("bob@gmail.com", f"Return-Path: <{path_of(second)}>\r\n"))
    served.send("nobody@bounces.platform.example", bounce("anna@gmail.com"))
    wait_until(lambda: counted().get("refused") == 1, 10, "the refusal was counted")
    page = _as("viewer").get("/came-back/").content.decode()
    assert "1 complaint and 1 late bounce" in page or "Nobody listens" in page
    assert f"/messages/{first}/" in page and f"/messages/{second}/" in page
    assert "<script>alert(1)" not in page and "&lt;script&gt;" in page
    only = _as("operator").get("/came-back/?kind=complaint").content.decode()
    assert f"/messages/{second}/" in only and f"/messages/{first}/" not in only


def test_a_tenants_people_do_not_see_it() -> None:
    house = House.build()
    assert _as("tenant", tenant=house.tenant).get("/came-back/").status_code in (403, 404)
