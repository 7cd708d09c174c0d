"""Paper: what goes above a delivery's body: this delivery's own header lines, the message's, and their signatures.

It is begun as soon as a delivery has been dealt to a path, long before its turn: the signer always has several to sign, and hands them back together.
"""

from asyncio import Future
from collections.abc import Sequence

from delivery.engine.signing import Signing
from delivery.sign.dkim import Signer


class Paper:
    __slots__ = ("_head", "_signature")

    def __init__(self, signing: Signing, signers: Sequence[Signer], head: bytes, body_hash: bytes, first: bool) -> None:
        self._head = head
        self._signature: Future[bytes] | None = signing.begin(signers, head, body_hash, first) if signers else None

    @property
    def signed(self) -> bool:
        """It can be sealed without waiting."""
        return self._signature is None or (self._signature.done() and self._signature.exception() is None)

    async def sealed(self) -> bytes:
        """All header lines, once they are signed."""
        if self._signature is not None:
            await self._signature
        return self.seal()

    def seal(self) -> bytes:
        """The same, once it is `signed`."""
        if self._signature is not None:
            self._head, self._signature = self._signature.result() + self._head, None
        return self._head
