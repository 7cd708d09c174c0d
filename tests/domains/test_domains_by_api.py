"""/api/v1/domains: claim, read, change, check, rotate, delete; and nothing of it for another tenant's key."""

import json
from typing import Any

import pytest
from django.test import Client

from delivery.models import Ready
from delivery.submit.facts import forget_cached
from mailplatform.shell.clock import now
from mailplatform.shell.ids import delivery_id, message_id
from mailplatform.tenants import keys as api_keys
from mailplatform.tenants.models import DkimKey, SendingDomain
from tests.domains.conftest import House, make_house
from tests.resolver.zones import Zones

pytestmark = pytest.mark.django_db


class Api:
    """A tenant's program."""

    def __init__(self, house: House, *scopes: str) -> None:
        api_keys.forget_cached()
        self._client = Client()
        row, key = api_keys.make_key(house.tenant, "test")
        if scopes:
            type(row).objects.filter(pk=row.pk).update(scopes=list(scopes))
            api_keys.forget_cached()
        self._auth = {"HTTP_AUTHORIZATION": f"Bearer {key}"}

    def __call__(self, method: str, path: str, data: Any = None) -> tuple[int, Any]:
        body = {} if data is None else {"data": json.dumps(data), "content_type": "application/json"}
        answer = getattr(self._client, method)(f"/api/v1/domains{path}", **body, **self._auth)
        return answer.status_code, answer.json() if answer.content else None


@pytest.fixture
def api(house: House) -> Api:
    return Api(house)


def test_claiming_gives_the_records_to_publish_and_no_private_half(house: House, api: Api) -> None:
    status, made = api("post", "", {"name": "Shop.Acme.Test.", "return_path": "b.shop.acme.test", "rotate_days": 180})
    assert status == 201 and made["name"] == "shop.acme.test" and made["rotate_days"] == 180
    names = {(record["name"], record["type"]) for record in made["records"]}
    assert {("_mailplatform.shop.acme.test", "TXT"), ("_dmarc.shop.acme.test", "TXT"), ("b.shop.acme.test", "CNAME")} <= names
    [rsa] = [record for record in made["records"] if "k=rsa" in record["value"]]
    assert rsa["value"] == "".join(rsa["strings"]) and all(len(part) <= 255 for part in rsa["strings"]) and len(rsa["strings"]) == 2
    assert "PRIVATE" not in json.dumps(made) and {key["state"] for key in made["keys"]} == {"waiting for DNS"}
    assert api("post", "", {"name": "shop.acme.test"})[0] == 200
    assert SendingDomain.objects.filter(name="shop.acme.test").count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "com"}, "name"), ({"name": "co.uk"}, "name"), ({"name": "bounces.platform.test"}, "name"), ({"name": "x.bounces.platform.test"}, "name"),
        ({"name": "a b.test"}, "name"), ({"name": "127.0.0.1"}, "name"), ({"name": 7}, "name"), ({}, "name"), ({"name": "a" * 400}, "name"),
        ({"name": "ok.test", "colour": 1}, "colour"), ({"name": "ok.test", "return_path": "bounces.other.test"}, "return_path"),
        ({"name": "ok.test", "return_path": "ok.test"}, "return_path"), ({"name": "ok.test", "rotate_days": -1}, "rotate_days"),
        ({"name": "ok.test", "rotate_days": True}, "rotate_days"), ([], "body"),
    ],
)  # fmt: skip
def test_what_cannot_be_claimed_is_named_and_leaves_nothing(house: House, api: Api, body: Any, field: str) -> None:
    status, problem = api("post", "", body)
    assert status == 422 and problem["errors"][0]["field"] == field, problem
    assert SendingDomain.objects.count() == 1


def test_a_look_on_request_says_what_was_seen_and_is_not_to_be_had_twice_at_once(house: House, api: Api) -> None:
    house.publish("ownership")
    status, seen = api("post", "/acme.test/check")
    assert status == 200 and seen["verified"]
    by_kind = {check["kind"]: check for check in seen["checks"]}
    assert by_kind["ownership"]["answer"] == "right" and by_kind["dmarc"]["answer"] == "wrong"
    assert seen["readiness"]["providers"][0]["link"].startswith("https://support.google.com/")
    assert api("post", "/acme.test/check")[0] == 429


def test_rotation_keeps_the_former_key_until_the_new_one_is_seen(house: House, api: Api) -> None:
    house.publish()
    api("post", "/acme.test/check")
    former = {key.selector for key in house.domain.dkim_keys.filter(active=True)}
    assert len(former) == 2
    assert api("post", "/acme.test/rotate?preview=true")[0] == 200 and DkimKey.objects.count() == 2
    status, after = api("post", "/acme.test/rotate")
    assert status == 200 and {key["selector"] for key in after["keys"] if key["state"] == "active"} == former
    assert api("post", "/acme.test/rotate")[0] == 409


def test_a_domain_whose_mail_waits_is_not_deleted(house: House, api: Api) -> None:
    SendingDomain.objects.filter(pk=house.domain.pk).update(verified_at=now())
    forget_cached()
    id_ = delivery_id(message_id(int(now().timestamp() * 1000)), 1)
    stream = house.tenant.streams.get()
    Ready.objects.create(
        id=id_, body_id=id_, tenant_id=house.tenant.pk, stream_id=stream.pk, domain_id=house.domain.pk, pool_id=stream.pool_id, purpose=stream.purpose,
        ready_at=now(), recipient="x@y.test", size_bytes=1, expires_at=now(),
    )  # fmt: skip
    status, preview = api("delete", "/acme.test?preview=true")
    assert (status, preview["possible"], preview["waiting"]) == (200, False, 1)
    assert api("delete", "/acme.test")[0] == 409 and house.fresh().verified_at is not None
    Ready.objects.all().delete()
    assert api("delete", "/acme.test")[0] == 204
    assert not SendingDomain.objects.exists() and not DkimKey.objects.exists()


def test_another_tenants_key_reaches_nothing(house: House, api: Api, dns: Zones) -> None:
    rival = Api(make_house(dns, "rival", "rival.test"))
    for method, path, data in (
        ("get", "/acme.test", None), ("patch", "/acme.test", {"rotate_days": 5}), ("delete", "/acme.test", None), ("delete", "/acme.test?preview=true", None),
        ("post", "/acme.test/check", None), ("post", "/acme.test/rotate", None),
    ):  # fmt: skip
        assert rival(method, path, data)[0] == 404, (method, path)
    assert [row["name"] for row in rival("get", "")[1]["data"]] == ["rival.test"]
    SendingDomain.objects.filter(pk=house.domain.pk).update(verified_at=now())
    status, made = rival("post", "", {"name": "acme.test"})
    assert status == 201 and not made["verified"], "the claim tells nothing about who has the name"
    assert house.domain.ownership_token not in json.dumps(made)
    assert house.fresh().verified_at is not None


def test_a_key_needs_the_scope(house: House) -> None:
    assert Api(house, "messages:send")("get", "")[0] == 403


def test_the_list_goes_on_where_it_ended(house: House, api: Api) -> None:
    for n in range(3):
        SendingDomain.objects.create(tenant=house.tenant, name=f"d{n}.test")
    status, first = api("get", "?limit=2")
    assert status == 200 and [row["name"] for row in first["data"]] == ["d2.test", "d1.test"]
    assert [row["name"] for row in api("get", f"?limit=2&cursor={first['next_cursor']}")[1]["data"]] == ["d0.test", "acme.test"]
