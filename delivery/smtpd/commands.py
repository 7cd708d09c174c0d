"""Commands: what stands behind MAIL and RCPT, and inside of AUTH. Pure; what is wrong is a Bad with its reply.

Paths may be quoted (RFC 5321 §4.1.2) or without their angle brackets (old clients); source routes are dropped (§4.1.1.3).
"""

import re
from base64 import b64decode

from delivery.smtpd.service import Mail

MAX_PATH = 1_000  # octets; RFC 5321 asks for 256, and addresses are looked at again by whoever takes them
_PATH = re.compile(r'\s*(?:<(?:@[^:<>]*:)?((?:"(?:\\[ -~]|[^"\\])*"|[^<>"\s])*)>|([^<>\s]+))(?:\s+(.*))?\Z', re.S)
_DIGITS = re.compile(r"[0-9]{1,15}\Z")


class Bad(Exception):
    """The reply says what is wrong."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


def mail_from(argument: str, max_bytes: int) -> Mail:
    """`FROM:<a@b.c> SIZE=… BODY=… SMTPUTF8 AUTH=…`."""
    address, parameters = _path(argument, "FROM:", "MAIL FROM:<address>")
    mail = Mail(address)
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        match name.upper():
            case "SIZE" if _DIGITS.match(value):
                mail.size_bytes = int(value)
            case "BODY" if value.upper() in ("7BIT", "8BITMIME"):
                mail.eight_bit = value.upper() == "8BITMIME"
            case "SMTPUTF8" if not value:
                mail.smtputf8 = True
            case "AUTH" if value:
                pass  # who first submitted it (RFC 4954 §5): nothing of ours depends on it
            case "SIZE" | "BODY" | "SMTPUTF8" | "AUTH":
                raise Bad(f"501 5.5.4 {name.upper()} has no such value")
            case _:
                raise Bad("555 5.5.4 A parameter of MAIL is not known here")
    _ascii_unless(mail.smtputf8, address)
    if mail.size_bytes > max_bytes:
        raise Bad(f"552 5.3.4 A message has at most {max_bytes} bytes")
    return mail


def rcpt_to(argument: str, smtputf8: bool) -> str:
    """`TO:<a@b.c>`."""
    address, parameters = _path(argument, "TO:", "RCPT TO:<address>")
    if parameters:
        raise Bad("555 5.5.4 A parameter of RCPT is not known here")
    if not address:
        raise Bad("501 5.1.3 A recipient has an address")
    _ascii_unless(smtputf8, address)
    return address


def _path(argument: str, keyword: str, form: str) -> tuple[str, list[str]]:
    if argument[: len(keyword)].upper() != keyword:
        raise Bad(f"501 5.5.4 Syntax: {form}")
    match = _PATH.match(argument, len(keyword))
    if match is None or len(argument) > MAX_PATH:
        raise Bad("501 5.1.7 That is no address" if keyword == "FROM:" else "501 5.1.3 That is no address")
    return match[1] or match[2] or "", (match[3] or "").split()


def _ascii_unless(smtputf8: bool, address: str) -> None:
    if not smtputf8 and not address.isascii():
        raise Bad("553 5.6.7 An address beyond ASCII needs SMTPUTF8 at MAIL")  # RFC 6531 §3.5


def plain(blob: bytes) -> tuple[str, str]:
    """AUTH PLAIN: (user, password); the identity to act as is not used (RFC 4616 §2)."""
    parts = decoded(blob).split(b"\0")
    if len(parts) != 3:
        raise Bad("501 5.5.2 AUTH PLAIN is identity, user and password with a NUL between them, in base64")
    return _text(parts[1]), _text(parts[2])


def word(blob: bytes) -> str:
    """One answer of AUTH LOGIN."""
    return _text(decoded(blob))


def decoded(blob: bytes) -> bytes:
    if blob == b"*":
        raise Bad("501 5.7.0 AUTH was broken off")  # RFC 4954 §4
    try:
        return b"" if blob == b"=" else b64decode(blob, validate=True)
    except ValueError:
        raise Bad("501 5.5.2 That is no base64") from None


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Bad("501 5.5.2 User and password are UTF-8") from None
