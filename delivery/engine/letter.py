"""Letter: a job made ready for the wire: this delivery's own header lines, its signatures, its envelope.

Promises: the same job gives the same letter but for the signatures' time. Signing runs beside the loop; a letter that is begun early is
signed by the time its turn comes. Never: talks, settles.
"""

from asyncio import Future
from collections.abc import Sequence

from delivery.engine.hands import Hands
from delivery.engine.outbox import Job
from delivery.engine.path import Spent
from delivery.sign.dkim import Signer
from delivery.smtp.wire import Envelope, Transcript
from mailplatform.shell.ids import attempt_id
from pools.purposes import Purpose


class Letter:
    """One attempt at a delivery, from its paper to what was heard."""

    __slots__ = ("_hands", "_signature", "attempt", "body", "dot_written", "envelope", "head", "heard", "job", "spent")

    def __init__(self, hands: Hands, job: Job, signers: Sequence[Signer]) -> None:
        claim, mime = job.claim, job.body.mime
        self._hands = hands
        self.job = job
        self.attempt = attempt_id(claim.id, claim.tries + 1)
        self.head = b"".join((claim.own_head or b"", hands.delivery_head(claim), mime[: job.body.head_length]))
        self.body = mime[job.body.head_length :]
        self.envelope: Envelope | None = None
        self.spent: Spent | None = None  # of the path's rates and allowance, until it is answered
        self.dot_written = False
        self.heard: Transcript | None = None
        self._signature: Future[bytes] | None = self._begin(signers) if signers else None

    def _begin(self, signers: Sequence[Signer]) -> "Future[bytes]":
        first = self.job.claim.purpose == Purpose.TRANSACTIONAL
        return self._hands.signing.begin(signers, self.head, self.job.body.body_hash, first)

    @classmethod
    def at_once(cls, hands: Hands, job: Job) -> "Letter | None":
        """Without waiting for anything: None when the keys are not at hand."""
        signers = hands.known_signers(job.claim.domain_id)
        return None if signers is None else cls(hands, job, signers)

    @property
    def signed(self) -> bool:
        """It can be sealed without waiting."""
        return self._signature is None or (self._signature.done() and self._signature.exception() is None)

    async def sealed(self) -> Envelope:
        """Signed, its size known."""
        if self._signature is not None:
            await self._signature
        return self.seal()

    def seal(self) -> Envelope:
        """The same, once it is `signed`."""
        if self._signature is not None:
            self.head, self._signature = self._signature.result() + self.head, None
        if self.envelope is None:
            claim, body = self.job.claim, self.job.body
            size = len(self.head) + len(self.body)
            sender = self._hands.return_path(claim.id)
            self.envelope = Envelope(sender, claim.recipient, size, body.needs_8bit, body.needs_smtputf8, body.wire_ready)
        return self.envelope
