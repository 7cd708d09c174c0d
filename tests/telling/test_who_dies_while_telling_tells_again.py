"""A process that is killed between sending and writing down is followed by one that tells again; a blocked queue and dead engines hold nothing back."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings as configured
from django.db import connection

from mailplatform.shell.clock import now
from monitoring.telling.models import Telling
from monitoring.telling.plan import plan
from monitoring.telling.secret import sealed
from monitoring.telling.send import LEASE_S, Send
from tests.telling.mailhost import MailHost, channel, incident, mail_route
from tests.webhooks.receiver import Heard, Receiver

pytestmark = pytest.mark.django_db(transaction=True)

PROGRAM = """
import time; import django; django.setup()
from mailplatform.shell.clock import now
from monitoring.telling.plan import plan
from monitoring.telling.send import Send
send = Send()
while True:
    plan(now()); send.step(now()); time.sleep(0.05)
"""


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, list(Telling.objects.values("key", "state", "answer"))
        time.sleep(0.02)


def test_killed_between_sending_and_writing_down_it_is_told_again_under_the_same_id() -> None:
    given = connection.get_connection_params()
    environment = {
        **os.environ, "DATABASE_URL": f"postgresql://{given['user']}@/{given['dbname']}?host={quote(str(given['host']), safe='')}",
        "DJANGO_SETTINGS_MODULE": "mailplatform.settings", "MAIL_MODE": "sandbox",
        "SECRET_KEY": configured.SECRET_KEY, "ENCRYPTION_KEYS": ",".join(configured.ENCRYPTION_KEYS),
    }  # fmt: skip
    processes: list[subprocess.Popen[bytes]] = []

    def kills(_: Heard) -> Any:
        if processes[0].poll() is None:
            processes[0].kill()
            processes[0].wait()
        return 204, {}, b""

    with Receiver(answers=kills) as receiver:
        channel("webhook", secret_encrypted=sealed(url=receiver.url(), secret="whsec_" + "QUFB" * 8))
        incident()
        processes.append(subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, cwd=configured.BASE_DIR))
        try:
            until(lambda: processes[0].poll() is not None)
            row = Telling.objects.get()
            assert (row.state, row.tries) == ("waiting", 1)
            send = Send()
            send.step(now())
            assert not send._flying, "its lease runs"
            send.step(now() + timedelta(seconds=LEASE_S + 1))
            send.end()
        finally:
            processes[0].kill()
            processes[0].wait()
    assert [heard.id for heard in receiver.heard] == [f"tell_{row.key}"] * 2
    assert Telling.objects.get().state == "told"


def test_a_blocked_queue_without_engines_holds_no_notification_back() -> None:
    given = connection.get_connection_params()
    locks = "LOCK TABLE delivery_message, delivery_delivery, delivery_ready, delivery_waiting, delivery_claimed, delivery_engine IN ACCESS EXCLUSIVE MODE"
    with Receiver() as receiver, MailHost(None) as host:
        mail_route(host.port, "none")
        channel("email", address="one@example.com")
        channel("slack", secret_encrypted=sealed(url=receiver.url()))
        incident()
        with psycopg.connect(host=given["host"], user=given["user"], dbname=given["dbname"]) as other:
            other.execute(locks)
            plan(now())
            send = Send()
            send.step(now())
            send.end()
            assert (len(receiver.heard), len(host.letters)) == (1, 1)
            assert set(Telling.objects.values_list("state", flat=True)) == {"told"}
            other.rollback()
