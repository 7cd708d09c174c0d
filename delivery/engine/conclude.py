"""Conclude: from what was heard of a letter to a settled delivery, and what its path learns from it.

Attempt, consequence, journal, record; nothing of a delivery is decided anywhere else in the engine. Never: talks, waits.
"""

from datetime import timedelta
from time import monotonic

from delivery.engine.hands import Hands
from delivery.engine.outbox import Job, Outbox
from delivery.engine.reach import wait_for_tls
from delivery.engine.settle import Room, settle
from delivery.queue.settled import AttemptRow
from delivery.smtp.connect import ConnectFailure
from delivery.smtp.session import Session
from delivery.smtp.wire import Phase, Reply, Transcript
from delivery.tlspolicy.broken import is_broken_tls
from mailplatform.shell.ids import attempt_id
from pools.outcomes import Fault, Outcome, Reason, Verdict
from pools.scoped import OF_SENDERS

ANSWER_LOST = Outcome(Verdict.UNKNOWN, Reason.NETWORK_ANSWER_LOST, Fault.INFRASTRUCTURE)
ACCEPTED = Outcome(Verdict.DELIVERED, Reason.ACCEPTED, Fault.NONE)
OUR_ERROR = Outcome(Verdict.DEFERRED, Reason.LOCAL_ERROR, Fault.INFRASTRUCTURE)
NO_ROOM = Room(0, False)  # a delivered one needs none


def conclude(
    hands: Hands, outbox: Outbox, session: Session | None, job: Job, outcome: Outcome, phase: Phase, reply: Reply | None, detail: str,
    timings: dict[str, int], reused: bool = False, failure: ConnectFailure | None = None,
) -> None:  # fmt: skip
    """Settle the job. `detail` says in words what no reply says; `failure` is why there was no session."""
    claim, path, now = job.claim, outbox.path, hands.now()
    attempt = AttemptRow(
        id=attempt_id(claim.id, claim.tries + 1),
        engine_id=hands.id,
        ip_id=path.ip_id,
        pool_id=claim.pool_id,
        provider_id=claim.provider_id,
        started_at=now - timedelta(milliseconds=sum(timings.values())),
        verdict=outcome.verdict,
        reason=outcome.reason,
        fault=outcome.fault,
        phase=phase,
        rule=outcome.rule or "",
        code=reply.code if reply else None,
        enhanced=(reply.enhanced or "") if reply else "",
        reply=reply.text if reply else detail[:2000],
        mx_host=session.host if session else (failure and failure.host) or (outbox.site.hosts or ("",))[0],
        mx_address=session.address if session else None,
        tls=session.tls if session else "",
        connection_reused=reused,
        timings=timings,
        why=job.why,
    )
    delivered = outcome.verdict is Verdict.DELIVERED
    room = NO_ROOM if delivered else Room(hands.other_paths(claim, path.ip_id), hands.budget_left(claim), path.last_passed_s < 0)
    settled = settle(claim, attempt, outcome, room, now, hands.jitter())
    if failure and is_broken_tls(failure):
        settled = wait_for_tls(settled, claim, failure, now)
    hands.settled(job, settled)
    if delivered:
        path.passed(claim.fingerprint, monotonic())
        if not hands.canaries.live:
            return
    withheld = hands.canaries.heard(job, outcome, attempt)
    if outcome.action and not (withheld and outcome.action.scope not in OF_SENDERS):
        hands.act(path, outcome, attempt.reply, claim)


def after_a_surprise(heard: Transcript | None, dot_written: bool) -> tuple[Outcome, Phase, Reply | None]:
    """A bug of ours: temporary for the mail, loud for us. What the provider said of the message stands all the same."""
    if heard and heard.accepted:
        return ACCEPTED, Phase.BODY, heard.final
    if dot_written and (heard is None or heard.unknowable):
        return ANSWER_LOST, Phase.BODY, None
    return OUR_ERROR, Phase.CONNECT, None


def said_of(transcript: Transcript) -> Reply | None:
    """The reply that an attempt keeps: the last word before a connection broke says nothing of what became of the message."""
    said = transcript.reply
    return None if transcript.failure and said and said.code < 400 else said


def broke(transcript: Transcript, session: Session) -> str:
    """How it broke, in words, where no reply says it."""
    if transcript.failure is None:
        return ""
    return f"{transcript.failure} in {transcript.phase}" + (f": {session.detail}" if session.detail else "")
