"""A session: one connection to one mail host, kept for many messages.

Owns: the order of commands, and whether this connection may be used again. Promises: every answer is given to its command; a
message is on the wire whole or not at all; the last write of a message asks `before_dot` in its own loop tick;
after a failure, a timeout, a cancellation or a 421 the connection is never used again. Never: classifies, retries, alters a
message. How it fails: `send` returns a `Transcript` that says where and how; it raises only for a bug of its caller.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from delivery.smtp.channel import CLOSING, Channel
from delivery.smtp.commands import DATA, DOT, QUIT, RSET, Commands, commands_for, has_bare_line_ends, stuffed
from delivery.smtp.features import Features
from delivery.smtp.target import Target, Timeouts
from delivery.smtp.unheard import is_unheard
from delivery.smtp.wire import Envelope, Failure, Phase, Reply, Transcript

__all__ = ["Envelope", "Features", "Session", "Transcript"]

HOLD_BACK_OVER_BYTES = 64 * 1024
HELD_BACK_BYTES = 16 * 1024
BLOCK_BYTES = 64 * 1024


class _Message:
    """The transcript of one message while it is being written."""

    __slots__ = ("data", "dot_written", "final", "mail", "rcpt", "since", "timings_ms")

    def __init__(self) -> None:
        self.mail: Reply | None = None
        self.rcpt: Reply | None = None
        self.data: Reply | None = None
        self.final: Reply | None = None
        self.dot_written = False
        self.since = time.monotonic()
        self.timings_ms: dict[str, int] = {}

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.timings_ms[name] = round((now - self.since) * 1000)
        self.since = now

    def close(self, phase: Phase, failure: Failure | None = None) -> Transcript:
        return Transcript(self.mail, self.rcpt, self.data, self.final, phase, failure, self.dot_written, self.timings_ms)


@dataclass(frozen=True, slots=True)
class _Announced:
    """A message whose MAIL, RCPT and DATA are on the wire behind the one before it."""

    envelope: Envelope
    message: _Message
    asked: Sequence[tuple[bytes, Phase]]


class Session:
    """Made by `connect()`. One message at a time; the next one's envelope may go along with the dot."""

    def __init__(self, channel: Channel, target: Target, features: Features, tls: str, timeouts: Timeouts) -> None:
        self.host = target.host
        self.address = target.address
        self.features = features
        self.tls = tls
        self.sent = 0  # messages that this session was asked to send
        self._channel = channel
        self._timeouts = timeouts
        self._envelope_times = (timeouts.mail_s, timeouts.rcpt_s, timeouts.data_s)
        self._busy = False
        self._transaction_open = False  # the peer may hold a sender of ours: RSET before the next MAIL
        self._announced: _Announced | None = None

    @property
    def usable(self) -> bool:
        """May send a message now. Turns False by itself when the peer closes or speaks while nothing was asked."""
        return not self._channel.ended and not self._busy

    @property
    def peer_closed(self) -> bool:
        """The peer has closed its end; without that it may count this connection for a while."""
        return self._channel.peer_closed

    @property
    def detail(self) -> str:
        """Why the session ended, in a few words for people; empty while it lives."""
        return self._channel.detail

    @property
    def announced(self) -> Envelope | None:
        """The envelope that is on the wire already: the next `send` is for this one, or the connection has to end."""
        return self._announced.envelope if self._announced else None

    async def send(
        self, envelope: Envelope, head: bytes, body: bytes, before_dot: Callable[[], bool], following: Callable[[], Envelope | None] = lambda: None
    ) -> Transcript:
        """One message to one recipient. Cancelling it ends the connection.

        `following` is asked in the tick of the dot's write for the envelope that is to go out with it: message content may be the first "command" of a
        pipelined group (RFC 2920 §3.1), which saves a round trip a message.
        """
        if self._busy:
            raise RuntimeError("A session sends one message at a time.")
        announced, self._announced = self._announced, None
        if announced is not None and announced.envelope is not envelope:
            raise RuntimeError("Another message's envelope is on the wire.")
        message = announced.message if announced else _Message()
        if self._channel.ended:
            return message.close(Phase.MAIL, self._channel.failure or Failure.CUT)
        commands = commands_for(envelope, self.features)
        unsupported = commands if isinstance(commands, Phase) else Phase.BODY if has_bare_line_ends(head, *(() if envelope.wire_ready else (body,))) else None
        if unsupported:
            if announced:
                self.abort()
            return message.close(unsupported, Failure.UNSUPPORTED)
        assert isinstance(commands, Commands)
        self._busy = True
        self.sent += announced is None
        try:
            ended = await (self._opened(message, announced.asked) if announced else self._open_transaction(message, commands))
            return ended or await self._transfer(message, stuffed(head, body, envelope.wire_ready), before_dot, following)
        except BaseException:
            self.abort()
            raise
        finally:
            self._busy = False

    # -- MAIL, RCPT, DATA -------------------------------------------------------------------------------------

    async def _open_transaction(self, message: _Message, commands: Commands) -> Transcript | None:
        """None when the peer said 354 to an accepted recipient; otherwise how it ended."""
        asked = [(commands.mail, Phase.MAIL), (commands.rcpt, Phase.RCPT), (DATA, Phase.DATA)]
        if self._transaction_open:
            asked.insert(0, (RSET, Phase.MAIL))
        replies = await (self._ask_together(asked) if self.features.pipelining else self._ask_in_turn(asked))
        message.lap("envelope")
        return await self._judge(message, asked, replies)

    async def _opened(self, message: _Message, asked: Sequence[tuple[bytes, Phase]]) -> Transcript | None:
        """The same, when it was announced with the dot of the message before."""
        replies = await self._channel.answers()
        message.lap("envelope")
        return await self._judge(message, asked, replies)

    async def _ask_together(self, asked: Sequence[tuple[bytes, Phase]]) -> list[Reply]:
        """All commands in one write (RFC 2920 §3.1)."""
        channel = self._channel
        times = self._envelope_times if len(asked) == len(self._envelope_times) else (self._timeouts.mail_s, *self._envelope_times)
        channel.expect(len(asked), times)
        channel.write(b"".join([command for command, _ in asked]))
        return await channel.answers()

    async def _ask_in_turn(self, asked: Sequence[tuple[bytes, Phase]]) -> list[Reply]:
        """One by one, until one gets anything but a yes."""
        replies: list[Reply] = []
        for command, phase in asked:
            self._channel.expect(1, (self._timeout_of(phase),))
            self._channel.write(command)
            replies += await self._channel.answers()
            if self._channel.ended or not replies[-1].positive:
                break
        return replies

    def _timeout_of(self, phase: Phase) -> float:
        times = self._timeouts
        return times.mail_s if phase is Phase.MAIL else times.rcpt_s if phase is Phase.RCPT else times.data_s

    async def _judge(self, message: _Message, asked: Sequence[tuple[bytes, Phase]], replies: list[Reply]) -> Transcript | None:
        channel = self._channel
        came = len(replies)
        if self._transaction_open and replies:
            reset = replies.pop(0)
            self._transaction_open = not reset.positive
            if reset.code == CLOSING:
                message.mail = reset  # it closed before it saw our MAIL: its reason is the answer to that
                return message.close(Phase.MAIL)
            if not reset.positive:
                return self._nonsense(message, Phase.MAIL)
        if channel.failure is Failure.PROTOCOL:  # a reply too many: no pairing can be trusted, least of all a refusal's
            return message.close(asked[min(came, len(asked) - 1)][1], Failure.PROTOCOL)
        message.mail, message.rcpt, message.data = [*replies, None, None, None][:3]
        if message.mail is not None and message.mail.positive:
            self._transaction_open = True
        for reply, phase in ((message.mail, Phase.MAIL), (message.rcpt, Phase.RCPT), (message.data, Phase.DATA)):
            if reply is None:
                return message.close(phase, channel.failure or Failure.CUT)
            if reply.code >= 400:
                return await self._refused(message, phase)
            if reply.positive == (phase is Phase.DATA):
                return self._nonsense(message, phase)
        return None

    def _nonsense(self, message: _Message, phase: Phase) -> Transcript:
        self._channel.fail(Failure.PROTOCOL, "an answer that does not fit its command")
        return message.close(phase, Failure.PROTOCOL)

    async def _refused(self, message: _Message, phase: Phase) -> Transcript:
        """A refusal stands. If DATA was answered 354 all the same, one lone dot ends it (RFC 2920 §3.1), its answer is nobody's."""
        data = message.data
        if phase is not Phase.DATA and data is not None and 300 <= data.code < 400 and not self._channel.ended:
            self._transaction_open = True
            self._channel.expect(1, (self._timeouts.data_s,))
            self._channel.write(DOT)
            await self._channel.answers()
        return message.close(phase)

    # -- the body ---------------------------------------------------------------------------------------------

    async def _transfer(self, message: _Message, payload: bytes, before_dot: Callable[[], bool], following: Callable[[], Envelope | None]) -> Transcript:
        channel = self._channel
        channel.expect(1, (self._timeouts.block_s,))
        last: bytes | memoryview = payload
        if len(payload) > HOLD_BACK_OVER_BYTES and await self._write_blocks(memoryview(payload)[:-HELD_BACK_BYTES]):
            last = memoryview(payload)[-HELD_BACK_BYTES:]
        if channel.answered:  # it spoke, or went, before it had the message
            return self._interrupted(message)
        if not before_dot():
            channel.fail(Failure.FENCED, "our lease has run out")
            return message.close(Phase.BODY, Failure.FENCED)
        channel.write(b"".join((last, self._announce(following()))) if self.features.pipelining else last)
        message.dot_written = True
        channel.allow(self._timeouts.final_s)
        replies = await channel.answers(1)
        message.lap("body")
        if self._announced:
            self._announced.message.since = message.since  # its time begins when the one before it has its answer
        self._transaction_open = False  # the end of mail data clears it, whatever the answer (RFC 5321 §4.1.1.4)
        if not replies:
            return message.close(Phase.BODY, channel.failure or Failure.CUT)
        if not (replies[0].positive or replies[0].code >= 400):
            return self._nonsense(message, Phase.BODY)  # neither yes nor no: the answer is not known
        message.final = replies[0]
        return message.close(Phase.BODY)

    def _announce(self, envelope: Envelope | None) -> bytes:
        """What goes behind the dot: the next message's commands, or nothing."""
        commands = commands_for(envelope, self.features) if envelope else None
        if envelope is None or not isinstance(commands, Commands):
            return b""
        asked = ((commands.mail, Phase.MAIL), (commands.rcpt, Phase.RCPT), (DATA, Phase.DATA))
        self._channel.expect_also(len(asked), self._envelope_times)
        self._announced = _Announced(envelope, _Message(), asked)
        self.sent += 1
        return commands.mail + commands.rcpt + DATA

    async def _write_blocks(self, blocks: memoryview) -> bool:
        """All of it with the kernel, block by block; False when the peer spoke or went meanwhile."""
        for start in range(0, len(blocks), BLOCK_BYTES):
            self._channel.write(blocks[start : start + BLOCK_BYTES])
            await asyncio.sleep(0)  # a fast peer never lets us wait: others, and what the peer says, get their turn here
            if not await self._channel.drained(self._timeouts.block_s):
                return False
        return True

    def _interrupted(self, message: _Message) -> Transcript:
        """A 4xx or 5xx before the dot is the message's answer; anything else is noise. Either way it ends the connection."""
        channel = self._channel
        early = channel.replies[0] if channel.replies else None
        failure = channel.failure
        channel.fail(Failure.PROTOCOL, "the peer answered before the message was whole")
        if early is not None and early.code >= 400:
            message.final = early
            return message.close(Phase.BODY)
        return message.close(Phase.BODY, Failure.PROTOCOL if early is not None else failure or Failure.CUT)

    # -- the end ----------------------------------------------------------------------------------------------

    async def quit(self) -> None:
        """Say goodbye and wait, shortly, until the peer has closed: its slot is free only then."""
        channel = self._channel
        if self.usable and not self._announced:
            self._busy = True
            channel.expect(2, (self._timeouts.quit_s, self._timeouts.quit_s))  # two: the second is its FIN
            channel.write(QUIT)
            try:
                await channel.answers()
            finally:
                self._busy = False
        channel.abort()

    @property
    def unheard(self) -> bool:
        """What was written does not reach the peer."""
        line = self._channel.transport.get_extra_info("socket") if self._channel.transport and not self._channel.ended else None
        return line is not None and is_unheard(line.fileno())

    def abort(self) -> None:
        """Close now, without a word."""
        self._channel.abort()
