"""DATABASE_URL: one server or several, what is added to it, and who is asked first."""

import pytest

from mailplatform.shell.database import connect
from mailplatform.shell.database.address import django_database, ordered, parameters, servers
from mailplatform.shell.database.silence import server_at

SEVERAL = "postgresql://mailer:secret@one:5432,two:5433/mail?sslmode=verify-full"


def test_several_servers_are_named_in_their_order() -> None:
    found = parameters(SEVERAL)
    assert servers(found) == [("one", "5432"), ("two", "5433")]
    assert (found["dbname"], found["user"], found["sslmode"]) == ("mail", "mailer", "verify-full")


def test_a_standby_is_never_taken_for_the_primary() -> None:
    assert parameters(SEVERAL)["target_session_attrs"] == "read-write"
    assert parameters("postgresql://one/mail")["target_session_attrs"] == "read-write"


def test_what_the_address_says_itself_holds() -> None:
    found = parameters(SEVERAL + "&connect_timeout=9&tcp_user_timeout=1000&target_session_attrs=any&options=-c%20jit%3Doff", "-c statement_timeout=1")
    assert (found["connect_timeout"], found["tcp_user_timeout"], found["target_session_attrs"]) == ("9", "1000", "any")
    assert found["options"] == "-c jit=off -c statement_timeout=1"


@pytest.mark.parametrize(("ranks", "order"), [({"two": 0, "one": 1}, "two,one"), ({"two": 1, "one": 1}, "one,two"), ({"one": 2, "two": 1}, "two,one")])
def test_servers_are_asked_by_rank_and_keep_their_ports(ranks: dict[str, int], order: str) -> None:
    found = ordered(parameters(SEVERAL), lambda server: ranks[server[0]])
    assert found["host"] == order
    assert set(servers(found)) == {("one", "5432"), ("two", "5433")}


def test_the_last_primary_is_asked_first_and_a_lost_one_last(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = ("rank.test", "1"), ("rank.test", "2")
    monkeypatch.setattr(connect, "_last", there)
    assert sorted([here, there], key=connect._rank) == [there, here]
    monkeypatch.setattr(server_at(*there), "_gone_s", float("inf"))
    assert sorted([here, there], key=connect._rank) == [here, there]


def test_folders_of_sockets_are_servers_too() -> None:
    found = parameters("postgresql://mailer@/mail?host=%2Frun%2Fone,%2Frun%2Ftwo")
    assert ordered(found, lambda server: server != ("/run/two", "5432"))["host"] == "/run/two,/run/one"


def test_django_is_told_the_same() -> None:
    told = django_database(SEVERAL)
    assert (told["NAME"], told["USER"], told["PASSWORD"], told["HOST"], told["PORT"]) == ("mail", "mailer", "secret", "one,two", "5432,5433")
    assert told["OPTIONS"] == {key: value for key, value in parameters(SEVERAL).items() if key not in ("dbname", "user", "password", "host", "port")}
