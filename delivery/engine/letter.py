"""Letter: a job made ready for the wire: its header lines, signed, its body, its envelope.

Promises: the same job gives the same letter but for the signatures' time. Never: talks, settles.
"""

from delivery.engine.hands import Hands
from delivery.engine.outbox import Job
from delivery.engine.paper import Paper
from delivery.engine.path import Spent
from delivery.smtp.wire import Envelope, Transcript
from mailplatform.shell.ids import attempt_id


class Letter:
    """One attempt at a delivery, from its paper to what was heard."""

    __slots__ = ("_hands", "_paper", "attempt", "body", "dot_written", "envelope", "head", "heard", "job", "spent")

    def __init__(self, hands: Hands, job: Job, paper: Paper) -> None:
        self._hands, self._paper, self.job = hands, paper, job
        self.attempt = attempt_id(job.claim.id, job.claim.tries + 1)
        self.head = b""
        self.body = job.body.mime[job.body.head_length :]
        self.envelope: Envelope | None = None
        self.spent: Spent | None = None  # of the path's rates and allowance, until it is answered
        self.dot_written = False
        self.heard: Transcript | None = None

    @classmethod
    def at_once(cls, hands: Hands, job: Job) -> "Letter | None":
        """Without waiting for anything: None when the keys are not at hand."""
        paper = job.paper or hands.paper(job.claim, job.body)
        return None if paper is None else cls(hands, job, paper)

    @classmethod
    async def of(cls, hands: Hands, job: Job) -> "Letter":
        while (letter := cls.at_once(hands, job)) is None:
            await hands.signers(job.claim.domain_id)
        return letter

    @property
    def signed(self) -> bool:
        """It can be sealed without waiting."""
        return self._paper.signed

    async def sealed(self) -> Envelope:
        """Signed, its size known."""
        await self._paper.sealed()
        return self.seal()

    def seal(self) -> Envelope:
        """The same, once it is `signed`."""
        if self.envelope is None:
            claim, body = self.job.claim, self.job.body
            self.head = self._paper.seal()
            size = len(self.head) + len(self.body)
            sender = self._hands.return_path(claim.id, claim.domain_id)
            self.envelope = Envelope(sender, claim.recipient, size, body.needs_8bit, body.needs_smtputf8, body.wire_ready)
        return self.envelope
