"""Names: the form in which a domain is asked for, and which names may be hosts. Pure."""

import re

# Letters, digits, hyphens; underscores too, for some real hosts have them. A last label of digits only is an address.
HOST_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def is_host_name(name: str) -> bool:
    return HOST_NAME.fullmatch(name) is not None


def ascii_domain(domain: str) -> str | None:
    """Lower case, A-labels, no final dot; None for what cannot be a domain (address literals too)."""
    name = domain.strip().rstrip(".").lower()
    if len(name) > 253:
        return None
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii").lower()  # as submission does: one domain, one spelling
        except UnicodeError:
            return None
    return name if is_host_name(name) else None
