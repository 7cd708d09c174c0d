"""Worker: one connection of one path to one site, from its first job to its last.

Checklist of a job: the lease holds, the rate lets it go, there is a session, it is signed, it is sent with a journal line before the
dot, the answer is journaled, classified, settled. A session that is not usable is replaced; a job whose turn cannot come is
given back as it came. Never: touches the database.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import structlog
from psycopg import Error

from delivery.classify.classify import classify_connect, classify_transcript
from delivery.engine.hands import Hands
from delivery.engine.journal import JournalFailed
from delivery.engine.outbox import Job, Outbox
from delivery.engine.path import Spent
from delivery.engine.reach import wait_for_tls
from delivery.engine.settle import Room, settle
from delivery.queue.settled import AttemptRow
from delivery.smtp.connect import ConnectFailure
from delivery.smtp.session import Session
from delivery.smtp.wire import Envelope, Failure, Phase, Reply, Transcript
from delivery.tlspolicy.broken import is_broken_tls
from mailplatform.shell.ids import attempt_id
from pools.limits import LINGER_S
from pools.outcomes import Fault, Outcome, Reason, Verdict
from pools.scoped import OF_SENDERS
from pools.purposes import Purpose

IDLE_S = 10.0
YIELDS_S = 0.005  # to transactional messages in line
LONGEST_RATE_WAIT_S = 0.25  # a limit may rise, a slow answer may come, or the engine may stop meanwhile
NOT_THE_PATHS = (Failure.DNS, Failure.ADDRESS_REFUSED)
ANSWER_LOST = Outcome(Verdict.UNKNOWN, Reason.NETWORK_ANSWER_LOST, Fault.INFRASTRUCTURE)
log = structlog.get_logger(__name__)


class Worker:
    """Runs until its outbox has been empty for IDLE_S, the path closes or the engine stops."""

    def __init__(
        self, hands: Hands, outbox: Outbox, on_connected: Callable[[Outbox], None], on_ended: Callable[[Outbox], None],
        on_trouble: Callable[[Outbox, int], None], first_only: bool = False,
    ) -> None:  # fmt: skip
        self.hands, self.outbox, self.path = hands, outbox, outbox.path
        self._on_connected, self._on_ended, self._on_trouble = on_connected, on_ended, on_trouble
        self.session: Session | None = None
        outbox.connecting += 1
        self._connecting = True
        self._first_only = first_only  # it carries transactional mail alone
        outbox.first_only += first_only
        self.path.kept.others_open += not first_only
        self.job: Job | None = None
        self._dot_written = False  # of this job's message
        self._heard: Transcript | None = None  # how its conversation ended
        self._connect_ms = 0
        self._leaving = False
        self._free_at_s = 0.0  # until when the peer may still count the last connection

    async def run(self) -> None:
        try:
            while self._goes_on() and (job := self.outbox.next(self._first_only) or await self.outbox.wait(self._idle_s(), self._first_only)):
                self.job, self._dot_written, self._heard = job, False, None
                try:
                    await self._handle(job)
                except (Error, JournalFailed):
                    if self._dot_written:
                        raise
                    self.hands.give_back([job])  # the database went away, or the disk is full, before anything was sent
                self.job = None
        except asyncio.CancelledError:
            if self.job and self._dot_written and self.hands.lease.valid():  # the end of a drain: nobody waits for this answer any more
                self._finish(self.job, ANSWER_LOST, Phase.BODY, None, "the engine ended before the answer came", {})
            raise
        except Exception:
            log.exception("worker_failed", path=str((self.path.ip_id, self.path.provider_id)))
            if self.job:
                self._surprise(self.job)
        finally:
            self._connected()
            await self._hang_up()
            self.outbox.workers -= 1
            self.outbox.first_only -= self._first_only
            self.path.kept.others_open -= not self._first_only
            now = time.monotonic()
            self.path.slots.give_back(now, peer_closed=now >= self._free_at_s)
            self._on_ended(self.outbox)

    def _goes_on(self) -> bool:
        """Nobody wants this connection to end: the engine, a new owner of the IP, or a limit that is lower than what is open."""
        if self.hands.stopping or self.path.leaving or self._leaving:
            return False
        self._leaving = self.path.slots.end_one()
        return not self._leaving

    def _connected(self) -> None:
        """It no longer stands for a connection that is being opened."""
        if self._connecting:
            self._connecting = False
            self.outbox.connecting -= 1

    @property
    def _others(self) -> int:
        """Connections of this outbox that work, besides this one."""
        return self.outbox.workers - self.outbox.connecting - (not self._connecting)

    def _idle_s(self) -> float:
        return min(IDLE_S, self.path.profile.idle_timeout_s / 2)

    async def _handle(self, job: Job) -> None:
        if self.path.gives_up(time.monotonic()):
            self.hands.give_back([job], elsewhere=True)
            self._on_trouble(self.outbox, self._others)
            return
        if self.hands.stopping or not self.hands.lease.valid():
            self.hands.give_back([job])
            return
        if self.hands.scopes.active and (aside := self.hands.scopes.suspended(job.claim, time.monotonic())):
            self.path.in_hand -= 1
            self.hands.set_aside([aside])
            return
        if self.hands.canaries.live and not await self.hands.canaries.may_go(job):
            return
        if not await self._have_session(job):
            return
        await self._send(job)

    async def _turn(self, first: bool) -> Spent | None:
        """In line for the path's next message. It is spent in the loop tick of its return: what is awaited between the two makes a burst."""
        path, kept = self.path, self.path.kept
        if not path.rates:
            return path.spend(time.monotonic())
        if not kept.active:
            return await self._in_line()
        if first:
            kept.in_line += 1
            try:
                return await self._in_line()
            finally:
                kept.in_line -= 1
        async with kept.line:
            waited = False
            while (wait_s := max(kept.others_at_s(now := time.monotonic()), path.next_send_s(now)) - now) > 0 or kept.in_line:
                if self.hands.stopping:
                    return None
                waited = True
                await asyncio.sleep(min(wait_s, LONGEST_RATE_WAIT_S) if wait_s > 0 else YIELDS_S)
            path.other_goes(now)
            return path.spend(now, waited)

    async def _in_line(self) -> Spent | None:
        path, line = self.path, self.path.line
        now = time.monotonic()
        if not line.locked() and path.next_send_s(now) <= now:
            return path.spend(now)
        async with line:
            while (wait_s := path.next_send_s(now := time.monotonic()) - now) > 0:
                if self.hands.stopping or not path.willing(now):
                    return None
                await asyncio.sleep(min(wait_s, LONGEST_RATE_WAIT_S))
            return path.spend(now, waited=True)

    def _not_sent(self, job: Job, spent: Spent | None) -> None:
        """Nothing of it was written: it goes back as it came."""
        if spent is not None:
            self.path.answered(spent, time.monotonic())
            self.path.not_written(spent, time.monotonic())
        self.hands.give_back([job])

    # -- session ------------------------------------------------------------------------------------------------------

    async def _have_session(self, job: Job) -> bool:
        """A usable session, or the job is settled with why there is none."""
        if self.session and (not self.session.usable or self.session.sent >= self.path.limits.messages_per_connection):
            await self._hang_up()
        if self.session:
            return True
        started = time.monotonic()
        try:
            self.session = await self._open()
        except ConnectFailure as failure:
            self._connect_ms = round((time.monotonic() - started) * 1000)
            self._no_session(job, failure)
            return False
        if self.session is None:
            self.hands.give_back([job])
            return False
        self._connect_ms = round((time.monotonic() - started) * 1000)
        self._connected()
        self._on_connected(self.outbox)
        return True

    async def _open(self) -> Session | None:
        """A new connection when the last one is surely gone and the site's rate lets it; None when nobody wants it any more."""
        while self._goes_on():
            now = time.monotonic()
            meter = self.path.connect_rate(self.outbox.site, now)
            if (wait_s := max(self._free_at_s, meter.earliest(now) if meter else now) - now) > 0:
                await asyncio.sleep(min(wait_s, LONGEST_RATE_WAIT_S))
                continue
            async with self.hands.connecting:
                if meter is None or meter.allows(time.monotonic()):
                    number = meter.spend(time.monotonic(), waited=True) if meter else 0
                    self.outbox.reaching_since_s = min(self.outbox.reaching_since_s, time.monotonic())
                    try:
                        return await self.hands.reach.session(self.path, self.outbox.site)
                    except ConnectFailure as failure:
                        if failure.phase is not Phase.CONNECT:
                            self._free_at_s = time.monotonic() + LINGER_S
                        raise
                    finally:
                        self.outbox.reaching_since_s = float("inf")
                        if meter:
                            meter.answered(number, time.monotonic())
        return None

    def _no_session(self, job: Job, failure: ConnectFailure) -> None:
        outcome = classify_connect(failure, job.provider_key, self.hands.world.rulebook)
        now = time.monotonic()
        # Broken TLS, a name without an address: the host's, whoever asks. What other connections do well is no fault of the path's.
        if not self._others and failure.failure not in NOT_THE_PATHS and not is_broken_tls(failure):
            self.path.connect_failed(now, str(failure))
        self._finish(job, outcome, failure.phase, failure.reply, str(failure.detail or failure), {"connect": self._connect_ms}, failure=failure)

    async def _hang_up(self) -> None:
        session, self.session = self.session, None
        if session is None:
            return
        try:
            async with asyncio.timeout(1):
                await session.quit()
        except Exception:
            session.abort()
        if not session.peer_closed:
            self._free_at_s = time.monotonic() + LINGER_S

    # -- message ------------------------------------------------------------------------------------------------------

    async def _send(self, job: Job) -> None:
        session, hands, claim = self.session, self.hands, job.claim
        assert session is not None
        attempt = attempt_id(claim.id, claim.tries + 1)
        head = (claim.own_head or b"") + hands.delivery_head(claim) + job.body.mime[: job.body.head_length]
        body = job.body.mime[job.body.head_length :]
        signers = await hands.signers(claim.domain_id)
        if signers:
            head = await hands.signing.sign(signers, head, job.body.body_hash) + head
        before = session.sent
        reused = before > 0
        size = len(head) + len(body)
        envelope = Envelope(hands.return_path(claim.id), claim.recipient, size, job.body.needs_8bit, job.body.needs_smtputf8, job.body.wire_ready)
        spent = await self._turn(claim.purpose == Purpose.TRANSACTIONAL)
        if spent is None or not (hands.lease.valid() and session.usable and self.path.willing(time.monotonic())):
            self._not_sent(job, spent)
            return
        try:
            hands.journal.begun(attempt)
            transcript = self._heard = await session.send(envelope, head, body, lambda: self._may_write_dot(attempt))
        finally:
            self.path.answered(spent, time.monotonic())
        if not _rcpt_written(transcript, session, before):
            self.path.not_written(spent, time.monotonic())
        if transcript.failure is Failure.FENCED:
            hands.give_back([job])
            return
        outcome = classify_transcript(transcript, job.provider_key, hands.world.rulebook)
        timings = {**({} if reused else {"connect": self._connect_ms}), **transcript.timings_ms}
        if transcript.failure in (Failure.CUT, Failure.TIMEOUT) and not (reused or self._dot_written or self._others):
            self.path.connect_failed(time.monotonic(), _broke(transcript, session))
        else:
            self.path.sent(time.monotonic())
        said = transcript.reply
        if transcript.failure and said and said.code < 400:  # the last word before it broke says nothing of what became of the message
            said = None
        self._finish(job, outcome, transcript.phase, said, _broke(transcript, session), timings, reused)

    def _may_write_dot(self, attempt: UUID) -> bool:
        """In the loop tick of the last write: the lease holds, and the journal knows."""
        if not self.hands.lease.valid():
            return False
        self.hands.journal.dot(attempt)
        self._dot_written = True
        return True

    def _finish(
        self, job: Job, outcome: Outcome, phase: Phase, reply: Reply | None, detail: str, timings: dict[str, int], reused: bool = False,
        failure: ConnectFailure | None = None,
    ) -> None:  # fmt: skip
        """Attempt, consequence, journal, record; then what the path learns from it."""
        hands, claim, session = self.hands, job.claim, self.session
        now = hands.now()
        attempt = AttemptRow(
            id=attempt_id(claim.id, claim.tries + 1),
            engine_id=hands.id,
            ip_id=self.path.ip_id,
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
            mx_host=session.host if session else (failure and failure.host) or (self.outbox.site.hosts or ("",))[0],
            mx_address=session.address if session else None,
            tls=session.tls if session else "",
            connection_reused=reused,
            timings=timings,
            why=job.why,
        )
        room = Room(hands.other_paths(claim, self.path.ip_id), hands.budget_left(claim), self.path.last_passed_s < 0)
        settled = settle(claim, attempt, outcome, room, now, hands.jitter())
        if failure and is_broken_tls(failure):
            settled = wait_for_tls(settled, claim, failure, now)
        hands.settled(job, settled)
        if outcome.verdict is Verdict.DELIVERED:
            self.path.passed(claim.fingerprint, time.monotonic())
            if not hands.canaries.live:
                return
        withheld = hands.canaries.heard(job, outcome, attempt)
        if outcome.action and not (withheld and outcome.action.scope not in OF_SENDERS):
            hands.act(self.path, outcome, attempt.reply, claim)
        if outcome.verdict is Verdict.REROUTED:
            self._on_trouble(self.outbox, self._others)

    def _surprise(self, job: Job) -> None:
        """A bug of ours: temporary for the mail, loud for us (it has been logged). What the provider said of the message stands all the same."""
        heard, detail = self._heard, "an error on our side; it is in the log"
        if heard and heard.accepted:
            self._finish(job, Outcome(Verdict.DELIVERED, Reason.ACCEPTED, Fault.NONE), Phase.BODY, heard.final, detail, {})
        elif self._dot_written and (heard is None or heard.unknowable):
            self._finish(job, ANSWER_LOST, Phase.BODY, None, detail, {})
        else:
            self._finish(job, Outcome(Verdict.DEFERRED, Reason.LOCAL_ERROR, Fault.INFRASTRUCTURE), Phase.CONNECT, None, detail, {})


def _rcpt_written(transcript: Transcript, session: Session, before: int) -> bool:
    """False only where it is certain: nothing was written at all, or MAIL alone by a peer that wants one command at a time."""
    return session.sent > before and (transcript.phase is not Phase.MAIL or session.features.pipelining)


def _broke(transcript: Transcript, session: Session) -> str:
    """In words, where no reply says it."""
    if transcript.failure is None:
        return ""
    return f"{transcript.failure} in {transcript.phase}" + (f": {session.detail}" if session.detail else "")
