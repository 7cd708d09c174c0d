"""Static routes: choice, guards, and the command."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from mailplatform.shell.models import AuditEntry
from mailplatform.shell.secrets import decrypt
from pools.models import StaticRoute
from pools.routes import is_local, problem_with, route_for, routes_of


def table(*matches: str) -> dict:
    return routes_of(SimpleNamespace(match=m, host=f"{n}.example", port=25, tls="required", username="", password_encrypted=b"") for n, m in enumerate(matches))


def test_a_domain_beats_its_provider_beats_everything() -> None:
    routes = table("*", "provider:google", "gmail.com")
    assert route_for("Gmail.com.", "google", routes).match == "gmail.com"  # type: ignore[union-attr]
    assert route_for("firm.example", "google", routes).match == "provider:google"  # type: ignore[union-attr]
    assert route_for("firm.example", None, routes).match == "*"  # type: ignore[union-attr]
    assert route_for("firm.example", "google", table("other.example")) is None


@pytest.mark.parametrize(
    ("match", "host", "port", "tls"),
    [
        ("*", "relay.example.net", 25, "none"),
        ("*", "192.0.2.1", 25, "none"),
        ("*", "::ffff:192.0.2.1", 25, "none"),
        ("*", "0.0.0.0", 25, "none"),
        ("*", "localhost.example.com", 25, "none"),
        ("not a domain", "127.0.0.1", 25, "none"),
        ("EXAMPLE.com", "127.0.0.1", 25, "none"),
        ("example", "127.0.0.1", 25, "none"),
        ("provider:", "127.0.0.1", 25, "none"),
        ("*", "bad host", 25, "required"),
        ("*", "127.0.0.1", 0, "required"),
        ("*", "127.0.0.1", 25, "opportunistic"),
    ],
)
def test_a_route_that_must_not_be_is_refused_with_a_reason(match: str, host: str, port: int, tls: str) -> None:
    assert problem_with(match, host, port, tls)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.20.3.4", "::1", "10.1.2.3", "192.168.0.9", "172.31.0.1", "fd00::1", "localhost", "::ffff:10.0.0.1"])
def test_everything_without_tls_may_go_to_loopback_and_private_hosts(host: str) -> None:
    assert is_local(host)
    assert problem_with("*", host, 2525, "none") is None


@pytest.mark.parametrize("tls", ["required", "verified"])
def test_everything_with_tls_may_go_anywhere(tls: str) -> None:
    assert problem_with("*", "relay.example.net", 587, tls) is None


def test_a_password_never_leaves_without_tls() -> None:
    assert problem_with("example.com", "relay.example.net", 587, "none", "me")


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("route", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_command_sets_lists_and_removes_a_route() -> None:
    assert "127.0.0.1:2525" in run("set", "*", "127.0.0.1:2525", "--tls", "none")
    run("set", "Example.com", "[fd00::1]:25", "--tls", "required", "--note", "the archive")
    listed = run("list")
    assert "*  →  127.0.0.1:2525  TLS none" in listed and "example.com  →  [fd00::1]:25  TLS required  the archive" in listed
    run("remove", "example.com")
    assert StaticRoute.objects.count() == 1
    assert AuditEntry.objects.filter(action="route set").count() == 2 and AuditEntry.objects.filter(action="route removed").count() == 1


@pytest.mark.django_db
def test_a_password_comes_on_standard_input_and_is_kept_encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cret words\n"))
    shown = run("set", "*", "relay.example.net:587", "--tls", "verified", "--username", "me", "--password-stdin")
    route = StaticRoute.objects.get()
    assert decrypt(route.password_encrypted) == b"s3cret words"
    assert b"s3cret" not in bytes(route.password_encrypted)
    assert "s3cret" not in shown + run("list") + repr(list(AuditEntry.objects.values()))
    assert "s3cret" not in repr(routes_of([route])) and "gAAAA" not in repr(routes_of([route]))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "arguments",
    [
        ["set", "*", "relay.example.net:25", "--tls", "none"],
        ["set", "*", "127.0.0.1", "--tls", "none"],
        ["set", "*", "127.0.0.1:x", "--tls", "none"],
        ["set", "*", "127.0.0.1:25", "--tls", "required", "--username", "me"],
        ["set", "*", "127.0.0.1:25", "--tls", "maybe"],
        ["set", "provider:nobody", "127.0.0.1:25", "--tls", "required"],
        ["remove", "nowhere.example"],
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)
    assert not StaticRoute.objects.exists()


def test_the_package_ships_its_data() -> None:
    assert (Path(__file__).parents[2] / "pools" / "data" / "responses.json").is_file()
