"""The database is stopped: mail and a signed POST arrive all the same, also from a process that begins then; its end is told and written down."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as configured
from django.db import connection
from standardwebhooks import Webhook

from delivery.webhooks.signature import new_secret
from mailplatform.up.postgres import NAME, EmbeddedPostgres
from monitoring.telling.secret import sealed
from tests.dbswitch.pair import _copy
from tests.telling.mailhost import MailHost, channel, mail_route
from tests.webhooks.receiver import Receiver, authority, certified

pytestmark = pytest.mark.django_db(transaction=True)

PROGRAM = """
import sys; from pathlib import Path; import django; django.setup()
from monitoring.telling.outage import Sentinel
Sentinel(sys.argv[1], Path(sys.argv[2]), down_after_s=0.4, look_every_s=0.1).run()
"""
DOWN, UP = "[Critical] The database does not answer, says north", "[Resolved] The database answers again, says north"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of its own, stopped, where a copy of the tests' database may go."""
    made = EmbeddedPostgres(tmp_path / "own", fsync="off", shared_buffers="64MB")
    yield made
    made.stop()


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_stopped_it_is_told_over_mail_and_https_and_so_is_its_end(tmp_path: Path, settings: Any, server: EmbeddedPostgres) -> None:
    ca, ca_file = authority(tmp_path)
    secret, memory = new_secret(), tmp_path / "alarms-north.json"
    with Receiver(certified(tmp_path, ca, "localhost")) as heard, MailHost(certified(tmp_path, ca, "localhost")) as host:
        mail_route(host.port)
        channel("email", address="one@example.com")
        channel("webhook", secret_encrypted=sealed(url=heard.url(host="localhost"), secret=secret))
        given = connection.get_connection_params()
        _copy(Path(given["host"]), server)
        server.start()
        url = server.url.replace(f"/{NAME}?", f"/{given['dbname']}?")
        environment = {
            **os.environ, "DATABASE_URL": url, "EXTRA_CA_FILE": ca_file, "DJANGO_SETTINGS_MODULE": "mailplatform.settings",
            "SECRET_KEY": configured.SECRET_KEY, "ENCRYPTION_KEYS": ",".join(configured.ENCRYPTION_KEYS), "MAIL_MODE": "sandbox",
        }  # fmt: skip

        def begin() -> "subprocess.Popen[bytes]":
            return subprocess.Popen([sys.executable, "-c", PROGRAM, "north", str(memory)], env=environment, cwd=configured.BASE_DIR)

        process = begin()
        try:
            until(memory.exists, "the channels are remembered")
            assert memory.stat().st_mode & 0o777 == 0o600 and secret not in memory.read_text()
            process.kill()
            process.wait()
            server.stop()
            process = begin()  # knows nobody but from the disk
            until(lambda: heard.heard and host.letters, "both are told")
            assert (heard.heard[0].event["subject"], host.letters[0]["Subject"]) == (DOWN, DOWN)
            Webhook(secret).verify(heard.heard[0].body, heard.heard[0].headers)
            until(lambda: len(json.loads(memory.read_text())["outage"]["told"]) == 2, "who was told is remembered")
            process.kill()
            process.wait()
            process = begin()  # knows whom it has told: they are told the end, and nothing twice
            server.start()
            until(lambda: len(heard.heard) == 2 and len(host.letters) == 2, "the end is told")
            assert (heard.heard[1].event["subject"], host.letters[1]["Subject"]) == (UP, UP)

            def written() -> list[tuple[Any, ...]]:
                with psycopg.connect(url) as session:
                    return session.execute(
                        "SELECT i.state, e.kind FROM monitoring_incident i JOIN monitoring_incidententry e ON e.incident_id = i.id "
                        "WHERE i.source = 'platform:database' ORDER BY e.at, e.id"
                    ).fetchall()

            until(written, "the incident is written")
            assert {"opened", "resolved", "told"} == {kind for _, kind in written()}
            assert {state for state, _ in written()} == {"resolved"}
        finally:
            process.kill()
            process.wait()
