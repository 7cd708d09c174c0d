"""A tenant's first domain, as its developer does it: claim, publish, check, send; and OpenDKIM, which nobody here wrote, verifies what arrived."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.domains import stranger
from tests.flow.platform import Platform, wait_until


def _raw(platform: Platform, delivery: str) -> bytes:
    """The message as it arrived, byte for byte."""
    (arrived,) = wait_until(lambda: platform.sandbox(f"/api/find?id={delivery}")["found"], 15, "it arrived")
    ports = json.loads((platform.data / "sandbox" / "ports.json").read_text())
    with urllib.request.urlopen(f"{ports['url']}/message/{arrived['n']}/raw", timeout=10) as answer:
        return bytes(answer.read())


def test_a_domain_is_claimed_published_checked_and_its_mail_verifies(platform: Platform, tmp_path: Path) -> None:
    if why := stranger.missing():
        pytest.skip(why)
    client = platform.client()
    status, domain = client.post("/api/v1/domains", {"name": "first-steps.example", "return_path": "bounces.first-steps.example"})
    assert status == 201 and not domain["verified"], domain
    status, answer = client.post("/api/v1/messages", {"from": "a@first-steps.example", "to": "you@gmail.com", "text": "too early"})
    assert status == 422, answer
    zones_file = platform.data / "sandbox" / "zones.json"
    zones = json.loads(zones_file.read_text())
    for record in domain["records"]:
        if record["name"] != "first-steps.example":  # the From domain's own SPF record is not needed
            zones.setdefault(record["name"], {}).setdefault(record["type"], []).append(record["value"])
    zones_file.write_text(json.dumps(zones))

    def verified() -> dict[str, Any]:
        client.post("/api/v1/domains/first-steps.example/check", {})  # refused when the platform's own job has just looked
        found = client.get("/api/v1/domains/first-steps.example")[1]
        return dict(found) if found["verified"] else {}

    checked = wait_until(verified, 40, "the domain was verified", every_s=1)
    assert checked["return_path_used"]
    assert {key["state"] for key in checked["keys"]} == {"active"}
    assert checked["readiness"]["state"] == "met", checked["summary"]

    def sent() -> str:
        status, answer = client.post("/api/v1/messages", {"from": "a@first-steps.example", "to": "you@gmail.com", "subject": "Hello", "text": "Hello"})
        return str(answer["deliveries"][0]["id"]) if status == 202 else ""

    delivery = wait_until(sent, 10, "the domain may stand in From")
    wait_until(lambda: platform.sandbox(f"/api/find?id={delivery}")["found"], 15, "it arrived")
    (arrived,) = platform.sandbox(f"/api/find?id={delivery}")["found"]
    assert arrived["mail_from"].endswith("@bounces.first-steps.example"), arrived["mail_from"]
    message = tmp_path / "arrived.eml"
    message.write_bytes(_raw(platform, delivery))
    assert message.read_bytes().count(b"DKIM-Signature:") == 2
    assert stranger.verify(zones_file, message) == (0, "")
    message.write_bytes(message.read_bytes().replace(b"Hello", b"Hallo"))
    assert "Bad signature" in stranger.verify(zones_file, message)[1]
    client = platform.client()  # the web server does not keep a connection for as long as that took
    status, preview = client.request("DELETE", "/api/v1/domains/first-steps.example?preview=true")
    assert status == 200 and preview["possible"], preview
    status, _ = client.request("DELETE", "/api/v1/domains/first-steps.example")
    assert status == 204
