"""The unsubscribe button, as large mailboxes show it: only when a message offers RFC 8058's one click and a signature that holds covers both fields.

Pressing it is what a mailbox provider's server does: a POST of `List-Unsubscribe=One-Click` without cookies or redirects. Never: goes anywhere but to
this machine, since everything here is simulated.
"""

import http.client
import ipaddress
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from .reading import Readable
from .verdict import Signature

_URL = re.compile(r"<\s*(https?://[^>\s]{1,1000})\s*>", re.I)
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class WayOut:
    """Where one click leads; `why_not` says why no button is shown."""

    url: str
    why_not: str = ""


def way_out(mail: Readable | None, signatures: Sequence[Signature]) -> WayOut | None:
    """None when the message says nothing of unsubscribing."""
    if mail is None:
        return None
    fields = [(name.strip().lower(), "".join(value.split("\n")).strip()) for name, value in mail.headers]
    lists = [value for name, value in fields if name == "list-unsubscribe"]
    posts = [value for name, value in fields if name == "list-unsubscribe-post"]
    if not lists:
        return None
    found = _URL.search(lists[0])
    if len(lists) > 1 or len(posts) != 1 or posts[0].replace(" ", "").lower() != "list-unsubscribe=one-click" or not found:
        return WayOut("", "it does not offer one click (RFC 8058)")
    covering = [_covered(value) for name, value in fields if name == "dkim-signature"]
    if not any(signature.passed and {"list-unsubscribe", "list-unsubscribe-post"} <= names for signature, names in zip(signatures, covering, strict=False)):
        return WayOut("", "no signature that holds covers the fields")
    return WayOut(found[1])


def _covered(signature: str) -> set[str]:
    tag = re.search(r"(?:^|;)\s*h=([^;]*)", signature)
    return {name.strip().lower() for name in tag[1].split(":")} if tag else set()


def leave(url: str) -> tuple[bool, str]:
    """Whether it was taken, and what was said. Blocks: to be run beside the loop."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not _on_this_machine(host):
        return False, f"{host} is not on this machine"
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection = (
            http.client.HTTPSConnection(host, parts.port, timeout=_PATIENCE_S, context=ssl.create_default_context())
            if parts.scheme.lower() == "https"
            else http.client.HTTPConnection(host, parts.port, timeout=_PATIENCE_S)
        )
        connection.request("POST", path, b"List-Unsubscribe=One-Click", {"Content-Type": "application/x-www-form-urlencoded"})
        status = connection.getresponse().status
        connection.close()
    except (OSError, http.client.HTTPException) as error:
        return False, f"no answer: {error}"
    return 200 <= status < 300, f"the sender's platform answered {status}"


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
