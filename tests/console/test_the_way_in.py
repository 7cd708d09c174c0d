"""Signing in: password, second factor, one's own account."""

import base64
import hmac
import re
import struct
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache
from django.test import Client

from tests.console.world import PASSWORD, World

SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def fresh_limits(db: None) -> None:
    cache.clear()


def _code(secret: str = SECRET) -> str:
    """RFC 6238, written out: the judge does not borrow from what it judges."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), "sha1")
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def _sign_in(client: Client, role: str = "operator") -> str:
    return client.post("/accounts/login/", {"login": f"{role}@platform.example", "password": PASSWORD}).headers.get("Location", "")


def test_a_password_opens_the_console_and_signing_out_closes_it(client: Client, world: World) -> None:
    assert _sign_in(client) == "/"
    assert client.get("/messages/").status_code == 200
    client.post("/accounts/logout/")
    assert client.get("/messages/").status_code == 302


def test_with_a_second_factor_the_password_alone_opens_nothing(client: Client, world: World) -> None:
    TOTP.activate(world.people["operator"], SECRET)
    assert _sign_in(client).endswith("/2fa/authenticate/")
    assert client.get("/messages/").status_code == 302
    assert client.get("/accounts/2fa/authenticate/").status_code == 200
    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert client.get("/messages/").status_code == 302
    client.post("/accounts/2fa/authenticate/", {"code": _code()})
    assert client.get("/messages/").status_code == 200


def test_the_admin_asks_for_the_second_factor_too(client: Client, world: World) -> None:
    TOTP.activate(world.people["administrator"], SECRET)
    response = client.post("/admin/login/", {"username": "administrator@platform.example", "password": PASSWORD})
    assert response.status_code == 302 and response["Location"].startswith("/accounts/login/")
    assert client.get("/admin/").status_code == 302


def test_a_second_factor_is_set_up_with_its_recovery_codes(client: Client, world: World) -> None:
    _sign_in(client)
    again = client.get("/accounts/2fa/totp/activate/")["Location"]  # asks for the password once more
    assert client.get(again).status_code == 200
    client.post(again, {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    secret = re.search(r"<code>([A-Z2-7]+)</code>", page)
    assert secret and "data:image/svg" in page
    client.post("/accounts/2fa/totp/activate/", {"code": _code(secret[1])})
    kinds = set(Authenticator.objects.filter(user=world.people["operator"]).values_list("type", flat=True))
    assert kinds == {"totp", "recovery_codes"}
    assert client.get("/accounts/2fa/recovery-codes/").content.decode().count("<li>") >= 10
    assert "with a second factor" in client.get("/account/").content.decode()
    for page in ("/accounts/2fa/", "/accounts/2fa/totp/deactivate/", "/accounts/2fa/recovery-codes/generate/"):
        assert client.get(page).status_code == 200


def test_a_password_is_changed_and_other_sessions_end(client: Client, world: World) -> None:
    _sign_in(client)
    other = Client()
    _sign_in(other)
    new = "another long passphrase"
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert client.get("/messages/").status_code == 200
    assert other.get("/messages/").status_code == 302


def test_a_disabled_account_cannot_sign_in(client: Client, world: World) -> None:
    person = world.people["viewer"]
    person.is_active = False
    person.save()
    _sign_in(client, "viewer")
    assert client.get("/messages/").status_code == 302
    assert client.get("/accounts/inactive/").status_code == 200


def test_where_one_wanted_to_go_is_on_this_host(client: Client, world: World) -> None:
    answer = client.post("/accounts/login/?next=https://evil.example/", {"login": "viewer@platform.example", "password": PASSWORD, "next": "https://evil.example/"})
    assert "evil" not in answer.headers.get("Location", "")
