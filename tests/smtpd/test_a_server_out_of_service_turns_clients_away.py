"""A drained server's doors: who comes is sent elsewhere, what was begun is finished, and it opens again by itself."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.smtpd import serve
from monitoring.models import Machine
from monitoring.zones import outage
from pools.models import Node, PlaceState, Zone
from tests.flow.platform import wait_until
from tests.smtpd.listening import Noting, Raw, serving

OPENING = ["EHLO me", "MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>", "DATA"]
SHUT = "421 4.3.2 This server is out of service; use another one"


def greeting(port: int) -> str:
    with Raw(port, greeted=False) as client:
        return client.reply()


def test_who_is_in_a_message_finishes_it_and_then_goes_and_who_comes_is_turned_away(tmp_path: Path) -> None:
    service = Noting()
    with serving(service, tmp_path) as served, Raw(served.port) as busy, Raw(served.port) as idle:
        busy.asked(OPENING)
        idle.ask("EHLO me")
        served.listener.shut_to(SHUT)
        assert greeting(served.port) == SHUT
        assert [busy.ask(b"A: b\r\n\r\n.\r\n"), busy.reply()] == ["250 2.0.0 Kept", SHUT]
        assert busy.is_over()
        assert [reply[:3] for reply in idle.asked(OPENING[1:])] == ["250", "250", "354"], "one that idled sends its message still"
        assert [idle.ask(b"A: b\r\n\r\n.\r\n"), idle.reply()] == ["250 2.0.0 Kept", SHUT]
        served.listener.shut_to("")
        assert greeting(served.port).startswith("220 ")
    assert len(service.taken) == 2


def test_one_that_is_back_in_service_keeps_who_is_there(tmp_path: Path) -> None:
    with serving(Noting(), tmp_path) as served, Raw(served.port) as client:
        client.asked(OPENING[:2])
        served.listener.shut_to(SHUT)
        served.listener.shut_to("")
        assert client.ask("RSET").startswith("250")
        assert client.ask("NOOP").startswith("250")


@contextlib.contextmanager
def submission() -> Iterator[None]:
    """The program itself, beside the test."""
    loop, ending = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve.serve(ending, outage.why_out_here)), daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join(15)
        assert not thread.is_alive()


@pytest.mark.parametrize("how", [PlaceState.DRAINED, PlaceState.EVACUATED])
def test_the_program_follows_its_machines_state(
    transactional_db: None, settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: PlaceState
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(serve, "ASK_EVERY_S", 0.05)
    settings.SUBMISSION, settings.SUBMISSION_TLS, settings.SUBMISSION_RELAY = f"127.0.0.1:{port}", "", ""  # type: ignore[attr-defined]
    settings.DATA_DIR, settings.ZONE = tmp_path, ""  # type: ignore[attr-defined]
    node = Node.objects.create(zone=Zone.objects.create(name="north"), name="north-1")
    machine = Machine.objects.create(pk="01900000-0000-7000-8000-000000000001", name="one", started_at="2026-11-23T12:00Z")
    machine.nodes.add(node)
    (tmp_path / "machine").write_text(str(machine.pk))
    outage.take_out(node.zone, how, "new kernel", "anna")
    with submission():
        wait_until(lambda: _knock(port) == SHUT, 20, "shut from the start")
        outage.give_back(node.zone, "anna")
        wait_until(lambda: _knock(port).startswith("220 "), 20, "open again")
        outage.take_out(node, how, "new kernel", "anna")
        wait_until(lambda: _knock(port) == SHUT, 20, "a machine whose only node is out turns away")


def _knock(port: int) -> str:
    try:
        return greeting(port)
    except OSError:
        return ""
