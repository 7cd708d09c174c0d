"""The commands of one message, as bytes. Pure: an envelope and features in, bytes or a refusal out.

Promises: an address never smuggles a second command or parameter; MAIL carries SIZE, BODY and SMTPUTF8 where the peer knows
them and the message needs them. Never alters a message: what the peer cannot take is refused here, before anything is written.
"""

from dataclasses import dataclass

from delivery.smtp.features import Features
from delivery.smtp.wire import Envelope, Phase

RSET = b"RSET\r\n"
DATA = b"DATA\r\n"
QUIT = b"QUIT\r\n"
DOT = b".\r\n"


@dataclass(frozen=True, slots=True)
class Commands:
    mail: bytes
    rcpt: bytes


def is_sendable(address: str) -> bool:
    """No control characters, and neither space nor angle bracket outside a quoted local part (RFC 5321 §4.1.2)."""
    if not address.isprintable() or len(address) > 320:
        return False
    if " " not in address and "<" not in address and ">" not in address:
        return True
    local, _, domain = address.rpartition("@")
    inner = local[1:-1].replace("\\\\", "").replace('\\"', "")
    quoted = len(local) >= 2 and local[0] == local[-1] == '"' and '"' not in inner and not inner.endswith("\\")
    return quoted and not any(c in domain for c in " <>")


def commands_for(envelope: Envelope, features: Features) -> Commands | Phase:
    """The two commands, or the phase in which this message cannot be expressed to this peer."""
    sender, recipient = envelope.mail_from, envelope.recipient
    if not is_sendable(sender):
        return Phase.MAIL
    if not recipient or not is_sendable(recipient):
        return Phase.RCPT
    utf8 = envelope.smtputf8 or not (sender.isascii() and recipient.isascii())
    if (utf8 and not features.smtputf8) or (envelope.eightbit and not features.eightbit):
        return Phase.MAIL
    size = f" SIZE={envelope.size}" if features.size else ""
    body = " BODY=8BITMIME" if envelope.eightbit else ""
    international = " SMTPUTF8" if utf8 else ""
    return Commands(
        f"MAIL FROM:<{sender}>{size}{body}{international}\r\n".encode(),
        f"RCPT TO:<{recipient}>\r\n".encode(),
    )


def stuffed(head: bytes, body: bytes, ready: bool = False) -> bytes:
    """The message as it travels: dots doubled (RFC 5321 §4.5.2), ending in a line end, the final dot behind it. `ready`: of the body that is known."""
    if ready and b"\r\n." not in head and head[:1] != b".":
        return b"".join((head, body, DOT))
    message = head + body
    if b"\r\n." in message:
        message = message.replace(b"\r\n.", b"\r\n..")
    if message[:1] == b".":
        message = b"." + message
    end = b"" if message.endswith(b"\r\n") or not message else b"\r\n"
    return message + end + DOT


def has_bare_line_ends(*parts: bytes) -> bool:
    """A CR or LF on its own: forbidden (RFC 5321 §2.3.8), and with it one message can smuggle another past lenient peers."""
    for part in parts:
        rest = part.replace(b"\r\n", b"")  # a third of what counting single bytes takes
        if b"\r" in rest or b"\n" in rest:
            return True
    return False
