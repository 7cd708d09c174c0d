"""Static routes on a page: what goes where, what uses it, what comes closer; never a password."""

from mailplatform.shell.secrets import encrypt
from pools.models import StaticRoute
from tests.console.world import World


def _route(match: str, host: str = "relay.example.net", **values: object) -> StaticRoute:
    return StaticRoute.objects.create(match=match, host=host, port=25, **values)


def test_without_routes_mail_goes_to_its_mx(as_role, world: World) -> None:
    assert "Mail goes to each domain's MX." in as_role("viewer").get("/routes/").content.decode()


def test_each_route_says_what_uses_it(as_role, world: World) -> None:
    _route("*", "127.0.0.1", tls="none")
    _route("provider:google")
    _route("gmail.com", tls="verified", username="me", password_encrypted=encrypt(b"s3cret"), note="the archive")
    page = as_role("operator").get("/routes/").content.decode()
    assert "All mail goes to 127.0.0.1, but for 2\u00a0closer routes." in page
    assert page.index(">gmail.com<") < page.index(">Gmail<") < page.index(">Everything<"), "the closest first"
    assert "1 known domain</a> but gmail.com" in page and "every domain but" in page and "none, local" in page
    assert "me, password kept" in page and "the archive" in page and "s3cret" not in page and "gAAAA" not in page


def test_a_route_that_nothing_can_use_is_marked(as_role, world: World) -> None:
    _route("provider:nobody")
    _route("*", "relay.example.net", tls="none")  # written past the admin
    page = as_role("viewer").get("/routes/").content.decode()
    assert "No such provider" in page and "goes to loopback or private hosts only" in page and "/admin/" not in page.split("<main")[1]


def test_it_is_not_for_tenants(as_role, world: World) -> None:
    assert as_role("tenant").get("/routes/").status_code == 403
