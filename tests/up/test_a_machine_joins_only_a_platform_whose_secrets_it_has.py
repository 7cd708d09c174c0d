"""mailplatform.up.join, identity and machine: each refusal is one sentence, and nothing is written before all of it fits."""

import stat
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from mailplatform.shell.private_file import write_private
from mailplatform.up.identity import settle_identity
from mailplatform.up.installation import Installation, lines, read_lines
from mailplatform.up.join import joining, safe_address
from mailplatform.up.machine import Asked, nodes_of
from mailplatform.up.mode import settle_mode
from mailplatform.up.options import Options, Refused, read
from monitoring.models import Machine
from pools.models import Node, Zone

SECRETS = {"SECRET_KEY": "one", "ENCRYPTION_KEYS": "newest,former", "METRICS_TOKEN": "token"}
SANDBOX = {"RESOLVER": "127.0.0.1:5300", "RETURN_PATH_DOMAIN": "bounces.platform.example"}


@pytest.fixture
def url(transactional_db: None) -> Iterator[str]:
    parts = connection.get_connection_params()
    url = f"host={parts['host']} user={parts['user']} dbname={parts['dbname']}"
    settle_mode(url, "sandbox")
    yield url
    with psycopg.connect(url, autocommit=True) as plain:
        plain.execute("DROP TABLE IF EXISTS platform_installation")


@pytest.fixture
def platform(url: str) -> str:
    return str(settle_identity(url, SECRETS))


@pytest.fixture
def machine(tmp_path: Path) -> Installation:
    (tmp_path / "data").mkdir()
    return Installation(tmp_path / "data")


def options(machine: Installation, *arguments: str) -> Options:
    return read(["--data", str(machine.data), *arguments])


def join_file(folder: Path, **changed: str) -> Path:
    file = folder / "join.env"
    write_private(file, lines({name: value for name, value in {**SECRETS, **SANDBOX, **changed}.items() if value}))
    return file


def test_it_joins_with_the_file_and_the_folder_remembers_it(url: str, platform: str, machine: Installation, tmp_path: Path) -> None:
    file = join_file(tmp_path, DATABASE_URL=url, PLATFORM_ID=platform)
    found = joining(options(machine, "--join", "--secrets", str(file), "--zone", "south"), machine, {})
    assert found is not None
    chosen, joined = found
    assert (chosen.zone, chosen.live, chosen.demo_traffic, joined.database_url) == ("south", False, False, url)
    assert joined.shared == SANDBOX
    assert read_lines(machine.data / "secrets.env") == SECRETS
    for kept in ("secrets.env", "joined.env"):
        assert stat.S_IMODE((machine.data / kept).stat().st_mode) == 0o600
    file.unlink()
    again = joining(options(machine), machine, {})
    assert again is not None and again[0].zone == "south" and again[1] == joined


def test_a_folder_that_never_joined_has_a_platform_of_its_own(machine: Installation) -> None:
    assert joining(options(machine), machine, {}) is None


@pytest.mark.parametrize(("changed", "says"), [
    ({"ENCRYPTION_KEYS": ""}, r"ENCRYPTION_KEYS is missing\. .*bin/manage join_file FILE"),
    ({"ENCRYPTION_KEYS": "another"}, "ENCRYPTION_KEYS is not this platform's: the fingerprints differ"),
    ({"SECRET_KEY": ""}, "SECRET_KEY is missing"),
    ({"SECRET_KEY": "two"}, "SECRET_KEY is not this platform's: the fingerprints differ"),
    ({"PLATFORM_ID": str(uuid4())}, "This database holds another platform"),
    ({"RESOLVER": ""}, "where its simulated internet is stands in its join file"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_and_nothing_is_kept(
    url: str, platform: str, machine: Installation, tmp_path: Path, changed: dict[str, str], says: str
) -> None:
    file = join_file(tmp_path, **{"DATABASE_URL": url, "PLATFORM_ID": platform, **changed})
    with pytest.raises(Refused, match=says):
        joining(options(machine, "--join", "--secrets", str(file), "--zone", "south"), machine, {})
    assert not list(machine.data.iterdir())


def test_a_database_without_a_platform_or_an_answer_is_refused(url: str, machine: Installation, tmp_path: Path) -> None:
    file = join_file(tmp_path)
    with pytest.raises(Refused, match="There is no platform in this database"):  # one that never had a number
        joining(options(machine, "--join", url, "--secrets", str(file), "--zone", "south"), machine, {})
    with pytest.raises(Refused, match=r"The platform's database does not answer .*: check its address"):
        joining(options(machine, "--join", f"host={tmp_path} dbname=nothing", "--secrets", str(file), "--zone", "south"), machine, {})
    with pytest.raises(Refused, match="--join needs the database's address"):
        joining(options(machine, "--join", "--zone", "south"), machine, {})


def test_a_join_file_that_others_may_read_is_refused(url: str, machine: Installation, tmp_path: Path) -> None:
    file = join_file(tmp_path, DATABASE_URL=url)
    file.chmod(0o644)
    with pytest.raises(Refused, match="others may read it: chmod 600"):
        joining(options(machine, "--join", "--secrets", str(file), "--zone", "south"), machine, {})


@pytest.mark.parametrize("safe", [
    "postgresql://u@/x?host=%2Frun%2Fpg", "postgresql://u@127.0.0.1/x", "postgresql://u@localhost,[::1]/x", "postgresql://u@db1/x?sslmode=verify-full",
])  # fmt: skip
def test_loopback_sockets_and_verify_full_are_safe(safe: str) -> None:
    safe_address(safe)


@pytest.mark.parametrize("unsafe", [
    "postgresql://u@db1/x", "postgresql://u@db1/x?sslmode=require", "postgresql://u@127.0.0.1,203.0.113.7/x", "postgresql://u@localhost/x?hostaddr=203.0.113.7",
])  # fmt: skip
def test_any_other_way_to_the_database_is_refused(unsafe: str) -> None:
    with pytest.raises(Refused, match="add sslmode=verify-full"):
        safe_address(unsafe)


def test_keys_may_be_renewed_but_not_lost(url: str, platform: str) -> None:
    settle_identity(url, {**SECRETS, "ENCRYPTION_KEYS": "newer,newest"})
    with pytest.raises(Refused, match="none of the keys that this database's secrets are encrypted with"):
        settle_identity(url, {**SECRETS, "ENCRYPTION_KEYS": "stranger"})


def test_a_new_secret_key_is_taken_over_only_while_nobody_has_joined(url: str, platform: str) -> None:
    settle_identity(url, {**SECRETS, "SECRET_KEY": "two"})
    nodes_of(Asked(uuid4(), "west", "west-1", joins=True))
    with pytest.raises(Refused, match="not the one that the other machines"):
        settle_identity(url, SECRETS)


def test_no_two_machines_run_the_same_node(transactional_db: None) -> None:
    first, second = uuid4(), uuid4()
    for name in ("north", "south"):
        Node.objects.create(zone=Zone.objects.create(name=name), name=f"{name}-1")
    assert nodes_of(Asked(first)) == [("north-1", "north"), ("south-1", "south")]
    with pytest.raises(Refused, match="Node south-1 runs on another machine"):
        nodes_of(Asked(second, "south", joins=True))
    assert nodes_of(Asked(first, "north")) == [("north-1", "north")]
    assert nodes_of(Asked(second, "south", joins=True)) == [("south-1", "south")]
    assert nodes_of(Asked(first)) == [("north-1", "north")]  # it leaves the other's alone
    with pytest.raises(Refused, match="Node north-1 runs on another machine"):
        nodes_of(Asked(second, "north", "north-1", joins=True))
    Machine.objects.get(pk=first).delete()  # forgotten by a person
    assert nodes_of(Asked(second, "north", "north-1", joins=True)) == [("north-1", "north")]


def test_a_zone_is_made_only_when_its_node_is_named(transactional_db: None) -> None:
    with pytest.raises(Refused, match=r"There is no zone 'west': there is none\. To make it, name its first node too: --zone west --node west-1\."):
        nodes_of(Asked(uuid4(), "west", joins=True))
    assert nodes_of(Asked(number := uuid4(), "west", "west-1", joins=True)) == [("west-1", "west")]
    assert nodes_of(Asked(number, "west", "west-1", joins=True)) == [("west-1", "west")]
    assert Node.objects.get().ips.count() == 2
    Zone.objects.create(name="bare")
    with pytest.raises(Refused, match="Zone bare has no node: name the one to make"):
        nodes_of(Asked(uuid4(), "bare", joins=True))
    with pytest.raises(Refused, match="Node west-1 is in zone west"):
        nodes_of(Asked(uuid4(), "bare", "west-1", joins=True))


def test_the_join_file_is_private_whole_and_not_told(url: str, platform: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: object) -> None:
    settings.SECRET_KEY, settings.ENCRYPTION_KEYS = "hush", ["quiet", "still"]  # type: ignore[attr-defined]
    call_command("join_file", str(tmp_path / "join.env"), database="postgresql://u@db1/x?sslmode=verify-full")
    told, kept = capsys.readouterr().out, read_lines(tmp_path / "join.env")
    assert stat.S_IMODE((tmp_path / "join.env").stat().st_mode) == 0o600
    assert (kept["SECRET_KEY"], kept["ENCRYPTION_KEYS"], kept["PLATFORM_ID"]) == ("hush", "quiet,still", platform)
    assert kept["DATABASE_URL"] == "postgresql://u@db1/x?sslmode=verify-full"
    assert "hush" not in told and "quiet" not in told
    with pytest.raises(CommandError, match="name a file that is not there yet"):
        call_command("join_file", str(tmp_path / "join.env"))
