"""One real HTTP request, with the standard library."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.api.world import Sender


def post(url: str, sender: Sender, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, Any, Any]:
    """(status, JSON, headers)"""
    request = Request(f"{url}/api/v1/{path}", body, {"Authorization": f"Bearer {sender.key}", "Content-Type": "application/json", **(headers or {})})
    try:
        with urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read()), answer.headers
    except HTTPError as no:
        return no.code, json.loads(no.read()), no.headers
