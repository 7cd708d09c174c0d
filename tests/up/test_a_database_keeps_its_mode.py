"""mailplatform.up.mode: sandbox or live, once and for all."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from mailplatform.up.mode import settle_mode
from mailplatform.up.options import Refused


@pytest.fixture
def url(transactional_db: None) -> Iterator[str]:
    parts = connection.get_connection_params()
    url = f"host={parts['host']} user={parts['user']} dbname={parts['dbname']}"
    yield url
    with psycopg.connect(url, autocommit=True) as plain:
        plain.execute("DROP TABLE IF EXISTS platform_installation")


@pytest.mark.parametrize(("made_for", "other", "says"), [
    ("sandbox", "live", "made for the sandbox .* start --live with a data folder .* of its own"),
    ("live", "sandbox", "This data is live: start with --live, or give the sandbox a data folder"),
])  # fmt: skip
def test_the_mode_is_written_once_and_the_other_refused(url: str, made_for: str, other: str, says: str) -> None:
    assert settle_mode(url, made_for) == made_for
    assert settle_mode(url, made_for) == made_for
    with pytest.raises(Refused, match=says):
        settle_mode(url, other)
    assert settle_mode(url, made_for) == made_for


def test_a_database_has_one_mode_and_no_third(url: str) -> None:
    settle_mode(url, "sandbox")
    with psycopg.connect(url, autocommit=True) as plain:
        with pytest.raises(psycopg.errors.UniqueViolation):
            plain.execute("INSERT INTO platform_installation (mail_mode) VALUES ('live')")
        with pytest.raises(psycopg.errors.CheckViolation):
            plain.execute("INSERT INTO platform_installation (only_one, mail_mode) VALUES (false, 'live')")
        with pytest.raises(psycopg.errors.CheckViolation):
            plain.execute("UPDATE platform_installation SET mail_mode = 'both'")
