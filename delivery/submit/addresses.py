"""Addresses as tenants write them: `a@b.c` or `Name <a@b.c>`.

Dot-atoms only (RFC 5322 §3.4.1 without quoted local parts, address literals, groups, comments); a local part beyond ASCII is
allowed (RFC 6531) and says so by itself. Pure; a refusal is a sentence.
"""

import re
from functools import lru_cache

from delivery.submit.headers import has_controls
from delivery.submit.submission import Address
from delivery.submit.wrong import Wrong

MAX_LENGTH = 1_000
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])\Z")
_SPACES = re.compile(r"[ \t]+")  # many readers make one of several in a name
_QUOTED_PAIR = re.compile(r"\\(.)")


def parse_address(value: object) -> Address:
    """The mailbox, or Wrong."""
    if not isinstance(value, str):
        raise Wrong("An address is a string like a@example.com or Name <a@example.com>.")
    if len(value) > MAX_LENGTH:
        raise Wrong(f"An address with its name has at most {MAX_LENGTH} characters.")
    if has_controls(value):
        raise Wrong("It holds a line break or another control character.")
    value = value.strip()
    if not value.endswith(">"):
        return _mailbox(value, "")
    name, opened, mailbox = value[:-1].rpartition("<")
    if not opened:
        raise Wrong("It ends with > but has no <.")
    return _mailbox(mailbox, _SPACES.sub(" ", _display_name(name.strip())).strip())


def _display_name(name: str) -> str:
    if len(name) >= 2 and name[0] == name[-1] == '"':
        inside = name[1:-1]
        if '"' in _QUOTED_PAIR.sub("", inside) or (inside.endswith("\\") and not inside.endswith("\\\\")):
            raise Wrong('A quotation mark inside of a quoted name is written \\".')
        return _QUOTED_PAIR.sub(r"\1", inside)
    if any(special in name for special in '<>",;@'):
        raise Wrong('Put a name that holds one of , ; @ < > into "quotation marks"; several addresses are a list.')
    return name


def _mailbox(mailbox: str, name: str) -> Address:
    local, at, domain = mailbox.rpartition("@")
    if not at:
        raise Wrong("It has no @.")
    if not _LOCAL.match(local) or (not local.isascii() and any(map(str.isspace, local))):
        raise Wrong("What stands before the @ is not a local part (letters, digits, dots between them, and !#$%&'*+-/=?^_`{|}~).")
    if len(local.encode()) > 64:
        raise Wrong("What stands before the @ has at most 64 bytes.")  # RFC 5321 §4.5.3.1.1
    ascii_domain = to_a_labels(domain)
    if ascii_domain is None:
        raise Wrong("What stands behind the @ is not a domain name.")
    if len(local.encode()) + len(ascii_domain) > 253:
        raise Wrong("An address has at most 254 bytes.")  # RFC 5321 §4.5.3.1.3, errata 1690
    return Address(local, ascii_domain, name)


@lru_cache(maxsize=20_000)
def to_a_labels(domain: str) -> str | None:
    """The domain in lower case and A-labels (RFC 5890 §2.3.2.1); None when it is none."""
    if len(domain) > 253:
        return None
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except (UnicodeError, ValueError):
            return None
    domain = domain.lower()
    return domain if _DOMAIN.match(domain) else None
