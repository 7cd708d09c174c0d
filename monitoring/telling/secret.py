"""Secrets of channels: the URL, signing secret or routing key, as encrypted JSON in the row. Never: logged, shown, told."""

import json

from mailplatform.shell.secrets import decrypt, encrypt

URL, SIGNING, ROUTING = "url", "secret", "routing_key"


def sealed(**parts: str) -> bytes:
    """For Channel.secret_encrypted."""
    return encrypt(json.dumps({name: part for name, part in parts.items() if part}).encode())


def opened(secret: str | bytes | memoryview | None) -> dict[str, str]:
    """What `sealed` was given; empty for none."""
    if not secret:
        return {}
    return dict(json.loads(decrypt(secret.encode() if isinstance(secret, str) else secret)))
