"""docs/webhooks.md: the code that it gives to tenants works as it stands there, and its words are the code's."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from delivery.webhooks.kinds import STATE_AFTER, WORDS, EventKind
from delivery.webhooks.payload import body_of
from delivery.webhooks.signature import new_secret, signed_headers
from mailplatform.shell.ids import delivery_id, message_id

TEXT = (Path(__file__).resolve().parent.parent.parent / "docs" / "webhooks.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def by_hand() -> Any:
    space: dict[str, Any] = {}
    exec(next(block for block in BLOCKS if "def is_ours" in block), space)
    return space["is_ours"]


def test_what_is_written_there_takes_ours_and_nothing_else() -> None:
    is_ours, secret, old, at = by_hand(), new_secret(), new_secret(), int(datetime.now(UTC).timestamp())
    headers = signed_headers([secret, old], "evt_1", at, b'{"type": "x"}')
    assert is_ours(secret, headers, b'{"type": "x"}') and is_ours(old, headers, b'{"type": "x"}')
    assert not is_ours(secret, headers, b'{"type": "y"}')
    assert not is_ours(new_secret(), headers, b'{"type": "x"}')
    assert not is_ours(secret, signed_headers([secret], "evt_1", at - 301, b"{}"), b"{}"), "recorded and played again"


def test_the_library_is_used_as_it_is_written_there() -> None:
    secret, body = new_secret(), b'{"type": "webhook.test"}'
    code = next(block for block in BLOCKS if "standardwebhooks" in block)
    headers = signed_headers([secret], "evt_1", int(datetime.now(UTC).timestamp()), body)
    space: dict[str, Any] = {"SECRET": secret, "request_body": body, "request_headers": headers}
    exec(code, space)
    assert space["event"] == {"type": "webhook.test"}


def test_every_type_stands_there_and_has_its_state_and_words() -> None:
    assert set(re.findall(r"`(message\.\w+)`", TEXT)) == set(EventKind) == set(STATE_AFTER) == set(WORDS)


def test_the_example_has_the_payloads_keys() -> None:
    message = message_id()
    row = dict.fromkeys(("recipient", "stream", "tags", "metadata", "attempt", "reason", "fault", "code", "enhanced", "reply", "provider", "mx_host", "detail"))
    body = body_of({**row, "kind": "message.bounced", "at": datetime.now(UTC) - timedelta(1), "message_id": message, "delivery_id": delivery_id(message, 1)})
    example = TEXT[TEXT.index('"data": {') : TEXT.index('"detail": {}}}')]
    keys = [*orjson.loads(body)["data"]]
    assert [key for key in re.findall(r'"(\w+)": ', example) if key not in ("data", "order")] + ["detail"] == keys
