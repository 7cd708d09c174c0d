"""Bounces, answers and complaints go out over SMTP: to the MX of the return path's domain, again until they are taken, never to the null sender."""

import json
import socket
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from mailplatform.sandbox.aside import Aside, running
from mailplatform.sandbox.post import MOST_TRIES
from mailplatform.sandbox.returns import KINDS

from .correspondent import Client, eventually, get

RETURN_PATH = "b-1@returns.example"


class Taking:
    """What arrived: (MAIL FROM, RCPT TO, bytes). The first tries are refused for now."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, str, bytes]] = []
        self.refuse = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            self.refuse -= 1
            return "451 4.3.0 Not now"
        self.arrived.append((envelope.mail_from, envelope.rcpt_tos[0], envelope.content))
        return "250 2.0.0 Ok"


@pytest.fixture
def taking() -> Iterator[tuple[Taking, int]]:
    handler = Taking()
    with socket.create_server(("127.0.0.1", 0)) as probe:  # the controller looks whether its port answers: it wants to know it before
        port = int(probe.getsockname()[1])
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


@pytest.fixture
def world(tmp_path: Path, taking: tuple[Taking, int]) -> Iterator[Aside]:
    zones = tmp_path / "zones.json"
    zones.write_text(json.dumps({"returns.example": {"MX": ["10 mx.returns.example"]}, "mx.returns.example": {"A": ["127.0.0.1"]}}))
    with running(tmp_path / "sandbox", zones=zones, returns_port=taking[1]) as aside:
        aside.control({"action": "habits", "provider": "*", "return_after_s": 0.05, "complaint_after_s": 0.05})
        yield aside


def test_each_address_leads_to_its_return(world: Aside, taking: tuple[Taking, int]) -> None:
    with Client(world, "gmail.com") as client:
        for local in ("late-bounce", "late-full", "late-block", "late-delay", "late-success", "vacation", "challenge", "complaint"):
            assert client.deliver(f"{local}@gmail.com", sender=RETURN_PATH)[0] == 250
    eventually(lambda: len(taking[0].arrived) == len(KINDS))
    assert {to for _, to, _ in taking[0].arrived} == {RETURN_PATH, "fbl@returns.example"}
    assert {sender for sender, _, _ in taking[0].arrived} == {"<>", "vacation@gmail.com"}  # as aiosmtpd writes the null sender
    for _, _, raw in taking[0].arrived:
        assert message_from_bytes(raw)["Subject"] and not message_from_bytes(raw).defects
    assert len(get(world, "/api/returns")["returns"]) == len(KINDS)


def test_it_comes_again_until_it_is_taken(world: Aside, taking: tuple[Taking, int]) -> None:
    taking[0].refuse = 2
    with Client(world, "yahoo.com") as client:
        client.deliver("late-bounce@yahoo.com", sender=RETURN_PATH)
    eventually(lambda: taking[0].arrived)
    (row,) = get(world, "/api/returns")["returns"]
    assert row["tries"] == 3 <= MOST_TRIES


def test_nothing_is_sent_to_the_null_sender(world: Aside, taking: tuple[Taking, int]) -> None:
    with Client(world, "gmail.com") as client:
        for local in ("late-bounce", "vacation", "complaint"):
            assert client.deliver(f"{local}@gmail.com", sender="")[0] == 250
        client.deliver("late-full@gmail.com", sender=RETURN_PATH)
    eventually(lambda: taking[0].arrived)
    assert [row["kind"] for row in get(world, "/api/returns")["returns"]] == ["full"]
