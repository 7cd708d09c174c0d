"""The sandbox's /hooks: takes webhooks as a tenant's program would, and shows them without running anything."""

import http.client
import json
import urllib.request
from pathlib import Path

from mailplatform.sandbox.aside import running


def post(url: str, path: str, body: bytes) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    connection.request("POST", path, body, {"webhook-id": "evt_<b>1", "webhook-signature": "v1,abc", "Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    return status


def test_what_was_posted_is_shown_as_text(tmp_path: Path) -> None:
    event = {"type": "message.delivered", "data": {"recipient": "anna<script>@gmail.com"}}
    with running(tmp_path / "sandbox") as world:
        assert post(world.url, "/hooks/lumen", json.dumps(event).encode()) == 204
        assert post(world.url, "/hooks/lumen", b"\xff not JSON") == 204
        assert post(world.url, "/hooks", b'["a list"]') == 204
        assert post(world.url, "/hooks/lumen", b"x" * 20_000) == 403
        with urllib.request.urlopen(world.url + "/hooks", timeout=5) as answer:
            page, policy = answer.read().decode(), answer.headers["Content-Security-Policy"]
    assert "3 webhooks came" in page and "message.delivered" in page and "anna&lt;script&gt;@gmail.com" in page and "evt_&lt;b&gt;1" in page
    assert "<script>" not in page and policy.startswith("default-src 'none'")
