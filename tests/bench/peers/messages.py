"""The messages that go through our API: 5 KB each, text and HTML, every one with words of its own; made before the clock starts.

As JSON the platform composes them; as raw MIME it gets them composed. What arrives has about 5.6 KB either way, as smtp-source's have
behind Postfix (5,120 bytes and its header fields).
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

SIZE_BYTES, BATCH = 5_120, 500
LINE = "The ferry of {n} leaves the north quay at seven and comes back when the tide has turned.\n"
TEXT_SHARE = 0.35


def batches(count: int, domains: int, sender: str, form: str, stream: str, run: str) -> list[bytes]:
    """Bodies of requests to /api/v1/messages/batch; `form` is json or raw, `run` makes their subjects unlike another run's."""
    make = {"json": _as_json, "raw": _as_raw}[form]
    messages = (make(n, f"user{n}@to-{n % domains}.example", sender, run) | {"stream": stream} for n in range(count))
    return [json.dumps({"messages": some}).encode() for some in _in_groups(messages, BATCH)]


def _as_json(n: int, to: str, sender: str, run: str) -> dict[str, Any]:
    return {"from": sender, "to": to, "subject": f"Message {n} of {run}", "text": _text(n), "html": _html(n)}


def _as_raw(n: int, to: str, sender: str, run: str) -> dict[str, Any]:
    lines = (
        f"From: {sender}", f"To: {to}", f"Subject: Message {n} of {run}", "Date: Mon, 02 Feb 2026 08:00:00 +0000",
        f"Message-ID: <{n}.{run}@{sender.partition('@')[2]}>", "MIME-Version: 1.0", 'Content-Type: multipart/alternative; boundary="=_between"', "",
        "--=_between", 'Content-Type: text/plain; charset="utf-8"', "", _text(n),
        "--=_between", 'Content-Type: text/html; charset="utf-8"', "", _html(n), "--=_between--", "",
    )  # fmt: skip
    raw = "\n".join(lines).replace("\n", "\r\n")
    return {"to": to, "raw": b64encode(raw.encode()).decode()}


def _text(n: int) -> str:
    return _lines(n, int(SIZE_BYTES * TEXT_SHARE))


def _html(n: int) -> str:
    return f"<html><body>\n{_lines(n, int(SIZE_BYTES * (1 - TEXT_SHARE)) - 30)}</body></html>\n"


def _lines(n: int, size: int) -> str:
    line = LINE.format(n=n)
    return line * (size // len(line)) + "." * (size % len(line) - 1) + "\n"


def _in_groups(items: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    for item in items:
        group.append(item)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
