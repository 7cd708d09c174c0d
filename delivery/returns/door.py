"""Door: who may leave mail here: return paths that we signed, feedback addresses, unsubscribe addresses. Everybody else hears 550 5.1.1.

Any sender is taken, the null sender first of all: bounces have it (RFC 5321 §4.5.5). Nothing is ever sent back, so no loop can begin here. A return
path with a wrong signature is told from a stranger's address in the counts alone: its sender hears the same.
"""

from collections.abc import Collection

from delivery.returns.arrived import Arrived
from delivery.returns.finding import Counted
from delivery.returns.mail import MOST_BYTES
from delivery.returns.tokens import Keys, delivery_named
from delivery.returns.writer import TAKEN, Writer
from delivery.sign.returnpath import looks_like_one
from delivery.smtpd.service import Client, Mail
from delivery.unsubscribe.token import read_token

UNKNOWN = "550 5.1.1 No such address here"
UNSUBSCRIBE = "u-"


class Door:
    """delivery.smtpd.service.Service."""

    wants_login = False

    def __init__(self, keys: Keys, feedback: Collection[str], writer: Writer) -> None:
        self._keys, self._writer = keys, writer
        self._feedback = frozenset(address.lower() for address in feedback)

    async def opened(self, client: Client) -> str | None:
        return None

    async def login(self, client: Client, user: str, password: str) -> str | None:
        return "502 5.5.1 There is no AUTH here"

    async def mail(self, client: Client, mail: Mail) -> str | None:
        return None

    async def rcpt(self, client: Client, mail: Mail, address: str) -> str | None:
        if self._is_ours(address):
            return None
        self._writer.count(Counted.FORGED if looks_like_one(address) else Counted.REFUSED)
        return UNKNOWN

    async def message(self, client: Client, mail: Mail, body: bytes) -> str:
        """A report is about one delivery: of several recipients each gets it, and the first that is not taken is the answer."""
        raw = body[:MOST_BYTES]
        for recipient in mail.recipients:
            reply = await self._writer.take(Arrived(recipient, raw, client.address, self._unsubscribe(recipient)))
            if reply != TAKEN:
                return reply
        return TAKEN

    def _is_ours(self, address: str) -> bool:
        if address.lower() in self._feedback or self._unsubscribe(address):
            return True
        return delivery_named(address, self._keys.secret) is not None

    def _unsubscribe(self, address: str) -> str:
        """The token of an unsubscribe address that we made."""
        local, _, domain = address.lower().rpartition("@")
        token = local.removeprefix(UNSUBSCRIBE)
        ours = domain == self._keys.domain.lower() and local.startswith(UNSUBSCRIBE) and read_token(token, self._keys.secret) is not None
        return token if ours else ""
