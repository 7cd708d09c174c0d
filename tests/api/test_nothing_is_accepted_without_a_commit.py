"""A COMMIT that fails, or that only warns, and a database that is away: 503 with Retry-After, never 202."""

from typing import Any

import psycopg
import pytest
from django.db import close_old_connections, connection
from django.test import Client

from delivery.models import Message, Waiting
from tests.api.world import Sender, make_sender

pytestmark = pytest.mark.django_db(transaction=True)

AT_COMMIT = """
    CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what}; RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON delivery_waiting DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit();
"""
UNDO = "DROP TRIGGER at_commit ON delivery_waiting; DROP FUNCTION at_commit()"


@pytest.fixture
def sender() -> Sender:
    return make_sender("acme")


def during_commit(what: str, client: Client, sender: Sender) -> object:
    with connection.cursor() as cursor:
        cursor.execute(AT_COMMIT.format(what=what))
    try:
        return sender.send(client)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(UNDO)


@pytest.mark.parametrize("code", ["53100", "53200", "57P01", "08006", "40001"])
def test_a_commit_that_fails_is_503(client: Client, sender: Sender, code: str) -> None:
    answer = during_commit(f"RAISE EXCEPTION 'no' USING ERRCODE = '{code}'", client, sender)
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert int(answer["Retry-After"]) > 0
    assert not Message.objects.exists()
    assert not Waiting.objects.exists()
    assert sender.send(client).status_code == 202


def test_a_warning_at_commit_is_no_acceptance(client: Client, sender: Sender) -> None:
    answer = during_commit("RAISE WARNING 'The transaction has already committed locally, but might not have been replicated to the standby.'", client, sender)
    assert (answer.status_code, int(answer["Retry-After"]) > 0) == (503, True)
    assert sender.send(client).status_code == 202  # the connection listens no more


def test_a_notice_is_no_warning(client: Client, sender: Sender) -> None:
    assert during_commit("RAISE NOTICE 'hello'", client, sender).status_code == 202


def test_a_database_that_is_away_is_503(client: Client, sender: Sender, settings: Any) -> None:
    settings.DATABASE_WAIT_S = 0.2
    port = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = "1"
    host = connection.settings_dict["HOST"]
    connection.settings_dict["HOST"] = "127.0.0.1"
    try:
        answers = [sender.send(client), sender.get(client, "messages"), sender.get(client, "suppressions")]
    finally:
        connection.settings_dict.update(PORT=port, HOST=host)
        connection.close()
    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert all(answer["Content-Type"] == "application/problem+json" and int(answer["Retry-After"]) > 0 for answer in answers)
    assert sender.send(client).status_code == 202


def test_a_connection_that_was_cut_serves_the_next_request(client: Client, sender: Sender) -> None:
    assert sender.send(client).status_code == 202
    params = connection.get_connection_params()
    with psycopg.connect(**{name: params[name] for name in ("dbname", "user", "host", "port", "password") if name in params}) as another:
        another.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    answers = []
    for _ in range(2):
        close_old_connections()  # what Django does before each request; its test client leaves it out
        answers.append(sender.send(client).status_code)
    assert answers in ([202, 202], [503, 202])
