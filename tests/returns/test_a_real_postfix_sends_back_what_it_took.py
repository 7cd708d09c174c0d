"""Postfix takes a message, cannot deliver it, and its own report comes back over SMTP to the signed return path: matched and acted on."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.peers.private_postfix import why_none
from tests.flow.platform import wait_until
from tests.queue.house import House, rows
from tests.returns.arrivals import KEYS, Served, delivered, events, listening, path_of, state, suppressed
from tests.returns.next_hop import NextHop
from tests.returns.receiving_postfix import ReceivingPostfix

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.skipif(bool(why_none()), reason=why_none())]


@pytest.fixture
def served(tmp_path: Path, transactional_db: None) -> Iterator[Served]:
    with listening(tmp_path) as served:
        yield served


def test_its_reports_are_matched(served: Served) -> None:
    people = ("unknown.anna@postfix.example", "full.bob@full.example", "carla@gone.example")
    ids = dict(zip(people, delivered(House.build(), *people), strict=True))
    with NextHop() as hop, ReceivingPostfix(f"127.0.0.1:{hop.port}", f"127.0.0.1:{served.port}", KEYS.domain) as postfix:
        for to, one in ids.items():
            with smtplib.SMTP(postfix.host, postfix.port, timeout=20) as client:
                client.sendmail(path_of(one), [to], f"From: a@harbour.example\r\nTo: {to}\r\nSubject: Hello\r\nMessage-ID: <{one}@x>\r\n\r\nHello\r\n".encode())
        wait_until(lambda: len(rows("SELECT 1 FROM delivery_cameback")) == 3, 60, f"three reports came back: {postfix.log()}")
    unknown, full, gone = (ids[to] for to in people)
    assert state(unknown) == ("bounced", "hard.invalid_mailbox") and events(unknown) == ["bounced_late"]
    assert state(full)[0] == "delivered" and events(full) == ["bounced_late"]
    assert rows("SELECT reason, hard FROM delivery_cameback WHERE delivery_id = %s", full) == [("soft.mailbox_full", False)]
    assert state(gone)[0] == "delivered" and events(gone) == ["bounced_late"], "its next hop was not there: it gave up, and that says nothing of the address"
    assert suppressed() == [("harbour", "unknown.anna@postfix.example", "bounce")]
    assert {row[0] for row in rows("SELECT DISTINCT reporter FROM delivery_cameback")} == {"mx.postfix.example"}
    assert {row[0] for row in rows("SELECT DISTINCT token FROM delivery_cameback")} == {"return path"}
