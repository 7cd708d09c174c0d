"""Worker: one connection of one path to one site, from its first job to its last.

Checklist of a job: the lease holds, there is a session, it is signed, the rate lets it go, it is sent with a journal line before the
dot, the answer is concluded. While more waits, the next one's envelope goes along with the dot, which saves a round trip a message; not that of a
transactional one, which shall not wait for another's answer. A session that is not usable is replaced; a job whose turn
cannot come is given back as it came. Never: touches the database.
"""

import asyncio
import time
from collections.abc import Callable

import structlog
from psycopg import Error

from delivery.classify.classify import classify_connect, classify_transcript
from delivery.engine.conclude import ANSWER_LOST, after_a_surprise, broke, conclude, said_of
from delivery.engine.hands import Hands
from delivery.engine.journal import JournalFailed
from delivery.engine.letter import Letter
from delivery.engine.outbox import Job, Outbox
from delivery.engine.path import Spent
from delivery.smtp.connect import ConnectFailure
from delivery.smtp.session import Session
from delivery.smtp.wire import Envelope, Failure, Phase, Reply, Transcript
from delivery.tlspolicy.broken import is_broken_tls
from pools.limits import LINGER_S
from pools.outcomes import Outcome, Verdict
from pools.purposes import Purpose

IDLE_S = 10.0
YIELDS_S = 0.005  # to transactional messages in line
CREDIT_COMES_S, LOOK_FOR_CREDIT_S = 0.25, 0.01  # what is being asked for is worth waiting for
LONGEST_RATE_WAIT_S = 0.25  # a limit may rise, a slow answer may come, or the engine may stop meanwhile
NOT_THE_PATHS = (Failure.DNS, Failure.ADDRESS_REFUSED)
EARLY_LOSSES = 3  # so many connections in a row that ended with an envelope early: no more of that to this site
SLOW_ANSWER_MS = 1000  # who kept us waiting so long for an answer gets no envelope early
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
        self.letter: Letter | None = None  # the job's
        self._ahead: Letter | None = None  # the next one's: taken from the outbox, perhaps announced
        self._connect_ms = 0
        self._slow = False  # its last answer was long in coming
        self._leaving = False
        self._free_at_s = 0.0  # until when the peer may still count the last connection

    async def run(self) -> None:
        try:
            while (self._is_announced(self._ahead) or self._goes_on()) and (job := await self._next()):
                self.job = job
                try:
                    await self._handle(job)
                except (Error, JournalFailed):
                    if self.letter and self.letter.dot_written:
                        raise
                    self.hands.give_back([job])  # the database went away, or the disk is full, before anything was sent
                self.job = self.letter = None
            self._let_ahead_go()
        except asyncio.CancelledError:
            if self.letter and self.letter.dot_written and self.hands.lease.valid():  # the end of a drain: nobody waits for this answer any more
                self._conclude(self.letter.job, ANSWER_LOST, Phase.BODY, None, "the engine ended before the answer came", {})
            raise
        except Exception:
            log.exception("worker_failed", path=str((self.path.ip_id, self.path.provider_id)))
            if self.job:
                letter = self.letter
                outcome, phase, said = after_a_surprise(letter.heard if letter else None, bool(letter and letter.dot_written))
                self._conclude(self.job, outcome, phase, said, "an error on our side; it is in the log", {})
            self._let_ahead_go()
        finally:
            self._connected()
            self._answer_for(self.letter)
            self._answer_for(self._ahead)
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
        if not self._is_announced(self.letter):
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
        """Its turn, and credit where that is needed; None: not now."""
        spent = await self._turn_of_rates(first)
        if spent is not None or self.path.allowance is None:
            return spent
        until_s = time.monotonic() + CREDIT_COMES_S
        while not self.hands.stopping and (now := time.monotonic()) < until_s and self.path.credit_may_come(now):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_FOR_CREDIT_S)
        return await self._turn_of_rates(first)

    async def _turn_of_rates(self, first: bool) -> Spent | None:
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

    @property
    def unheard(self) -> bool:
        """What it wrote does not reach the peer."""
        return self.session is not None and not self.session.usable and self.session.unheard

    def give_up(self) -> None:
        """Nobody hears it: what has no dot yet goes elsewhere; who has written one waits for the answer, for it may come."""
        if self.session is not None and not (self.letter and self.letter.dot_written):
            self.session.abort()

    # -- session ------------------------------------------------------------------------------------------------------

    async def _have_session(self, job: Job) -> bool:
        """A usable session, or the job is settled with why there is none."""
        if self.session and (not self.session.usable or self.session.sent >= self.path.limits.messages_per_connection):
            await self._hang_up()
        if self.session and self.hands.holes and self.hands.holes.swallows(self.path.ip_id):
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
        now = time.monotonic()
        self._connect_ms = round((now - started) * 1000)
        self.path.usual.opened(now - started, now)
        self._connected()
        self.outbox.talking.add(self)
        self.path.sessions += 1
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
            await self.hands.connection_turn(self.job is not None and self.job.claim.purpose == Purpose.TRANSACTIONAL)
            if meter and not meter.allows(time.monotonic()):
                continue
            number = meter.spend(time.monotonic(), waited=True) if meter else 0
            self.outbox.reaching_since_s = min(self.outbox.reaching_since_s, time.monotonic())
            try:
                with self.path.usual.opening(time.monotonic()):
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
        self._conclude(job, outcome, failure.phase, failure.reply, str(failure.detail or failure), {"connect": self._connect_ms}, failure=failure)

    async def _hang_up(self) -> None:
        session, self.session = self.session, None
        self.outbox.talking.discard(self)
        if session is None:
            return
        self.path.sessions -= 1
        try:
            async with asyncio.timeout(1):
                await session.quit()
        except Exception:
            session.abort()
        if not session.peer_closed:
            self._free_at_s = time.monotonic() + LINGER_S

    # -- message ------------------------------------------------------------------------------------------------------

    async def _send(self, job: Job) -> None:
        session, hands, path = self.session, self.hands, self.path
        assert session is not None
        letter = self.letter = self.letter or await Letter.of(hands, job)
        envelope = await letter.sealed()
        announced = self._is_announced(letter)
        before = session.sent - announced
        if not announced:
            letter.spent = await self._turn(job.claim.purpose == Purpose.TRANSACTIONAL)
            if letter.spent is None or not (hands.lease.valid() and session.usable and path.willing(time.monotonic())):
                self._not_sent(letter)
                return
        self._look_ahead(session, before)
        transcript = await self._converse(session, letter, envelope, announced)
        if announced and transcript.mail is None and transcript.failure is not Failure.TIMEOUT:  # it ended before a word of this message: nothing was tried
            self.outbox.lost_early += 1
            hands.give_back([job])
            return
        if letter.spent and not _rcpt_written(transcript, session, before):
            path.not_written(letter.spent, time.monotonic())
        if transcript.failure is Failure.FENCED:
            hands.give_back([job])
            return
        reused = before > 0
        outcome = classify_transcript(transcript, job.provider_key, hands.world.rulebook)
        timings = transcript.timings_ms if reused else {"connect": self._connect_ms, **transcript.timings_ms}
        if transcript.failure in (Failure.CUT, Failure.TIMEOUT) and not (reused or letter.dot_written or self._others):
            path.connect_failed(time.monotonic(), broke(transcript, session))
        else:
            path.sent(time.monotonic())
        if announced:
            self.outbox.lost_early = 0
        self._slow = timings.get("body", 0) > SLOW_ANSWER_MS
        self._conclude(job, outcome, transcript.phase, said_of(transcript), broke(transcript, session), timings, reused)

    async def _converse(self, session: Session, letter: Letter, envelope: Envelope, announced: bool) -> Transcript:
        assert letter.spent is not None
        try:
            if not announced:
                self.hands.journal.begun(letter.attempt)
            letter.heard = await session.send(envelope, letter.head, letter.body, lambda: self._may_write_dot(letter), self._announce)
        finally:
            self.path.answered(letter.spent, time.monotonic())
        return letter.heard

    def _may_write_dot(self, letter: Letter) -> bool:
        """In the loop tick of the last write: the lease holds, and the journal knows."""
        if not self.hands.lease.valid():
            return False
        self.hands.journal.dot(letter.attempt)
        letter.dot_written = True
        return True

    def _answer_for(self, letter: Letter | None) -> None:
        """This connection is over, however it ended: nobody waits for that answer any more."""
        if letter is not None and letter.spent is not None:
            self.path.answered(letter.spent, time.monotonic())

    def _not_sent(self, letter: Letter) -> None:
        """Nothing of it was written: it goes back as it came."""
        if letter.spent is not None:
            self.path.answered(letter.spent, time.monotonic())
            self.path.not_written(letter.spent, time.monotonic())
        self.hands.give_back([letter.job])

    # -- the next message ---------------------------------------------------------------------------------------------

    def _is_announced(self, letter: Letter | None) -> bool:
        """Its envelope is on the wire, and the connection still stands."""
        session = self.session
        return letter is not None and session is not None and session.usable and session.announced is not None and session.announced is letter.envelope

    async def _next(self) -> Job | None:
        """The next job: the one that was taken early, or the outbox's."""
        letter = self.letter = self._ahead
        self._ahead = None
        if letter is None:
            return self.outbox.next(self._first_only) or await self.outbox.wait(self._idle_s(), self._first_only)
        if letter.spent is not None and not (self._is_announced(letter) and self.path.willing(time.monotonic())):
            # The connection, or the path, ended with the answer before. Whoever ends after each message is told nothing early.
            self.outbox.lost_early += 1
            self.path.answered(letter.spent, time.monotonic())
            letter.spent = None
            await self._hang_up()
        return letter.job

    def _look_ahead(self, session: Session, before: int) -> None:
        """Take the next job while this one is talked about, so that it is signed in time; only where all connections have enough to do."""
        outbox, path, hands = self.outbox, self.path, self.hands
        if path.probing or hands.canaries.live or hands.scopes.active or hands.stopping or self._first_only or not self._rates_let(time.monotonic()):
            return
        if self._slow or outbox.lost_early > EARLY_LOSSES or not session.features.pipelining or before + 2 > path.limits.messages_per_connection:
            return
        if job := outbox.next_bulk():
            self._ahead = Letter.at_once(hands, job)
            if self._ahead is None:
                outbox.put(job)

    def _rates_let(self, now: float) -> bool:
        """Another message may go in this very tick, and nobody stands in line for that."""
        path = self.path
        return not path.rates or not (path.kept.active or path.line.locked() or path.next_send_s(now) > now)

    def _announce(self) -> Envelope | None:
        """In the tick of the dot's write: the envelope that goes along with it."""
        ahead, path, now = self._ahead, self.path, time.monotonic()
        if ahead is None or not ahead.signed or self.hands.stopping or not path.willing(now) or not self._rates_let(now):
            return None
        ahead.spent = path.spend(now)
        if ahead.spent is None:
            return None
        try:
            self.hands.journal.begun(ahead.attempt)
        except JournalFailed:
            self.path.answered(ahead.spent, now)
            self.path.not_written(ahead.spent, now)
            ahead.spent = None
            return None
        return ahead.seal()

    def _let_ahead_go(self) -> None:
        """Nobody sends it here any more."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            if ahead.spent is not None:
                self.path.answered(ahead.spent, time.monotonic())
            self.hands.give_back([ahead.job])

    def _conclude(
        self, job: Job, outcome: Outcome, phase: Phase, reply: Reply | None, detail: str, timings: dict[str, int], reused: bool = False,
        failure: ConnectFailure | None = None,
    ) -> None:  # fmt: skip
        conclude(self.hands, self.outbox, self.session, job, outcome, phase, reply, detail, timings, reused, failure)
        if outcome.verdict is Verdict.REROUTED:
            self._on_trouble(self.outbox, self._others)


def _rcpt_written(transcript: Transcript, session: Session, before: int) -> bool:
    """False only where it is certain: nothing was written at all, or MAIL alone by a peer that wants one command at a time."""
    return session.sent > before and (transcript.phase is not Phase.MAIL or session.features.pipelining)
