"""Tag lists, `a=b; c=d`, as DKIM keys (RFC 6376 §3.2) and DMARC policies (RFC 7489 §6.3) are written. Pure."""

import re

LONGEST = 16_384
_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*?)\s*", re.DOTALL)


class NotTags(Exception):
    """What is wrong with it, for people."""


def parse_tags(text: str) -> dict[str, str]:
    """By name, in their order. A tag that stands there twice makes the whole list invalid (RFC 6376 §3.2)."""
    if len(text) > LONGEST:
        raise NotTags(f"it has {len(text)} characters")
    tags: dict[str, str] = {}
    parts = text.split(";")
    if parts and not parts[-1].strip():
        parts.pop()
    for part in parts:
        match = _TAG.fullmatch(part)
        if match is None:
            raise NotTags(f"“{part.strip()[:60]}” is no tag")
        if match[1] in tags:
            raise NotTags(f"the tag {match[1]}= stands there twice")
        tags[match[1]] = match[2]
    return tags
