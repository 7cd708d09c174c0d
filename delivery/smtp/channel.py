"""The channel: our own protocol on one connection, from the first byte to the last.

Owns: a transport, the replies that are awaited, one deadline, the flow control of writing. Promises: a reply is given only to a
command that was written before it came; whatever comes unasked, too much, malformed or too late ends the channel with a
`failure` that says how; a 421 ends it without one (RFC 5321 §3.8). After its end nothing is read or written.
Never: knows what a command means. One timer a connection, moved lazily: a message costs two futures and no timer.
"""

import asyncio
import ssl
from collections.abc import Sequence
from typing import cast

from delivery.smtp.replies import ReplyReader
from delivery.smtp.wire import Failure, Reply

CLOSING = 421  # "service closing transmission channel"


class Channel(asyncio.Protocol):
    """`expect` before writing, write, `await answers`. `ended` says that this connection is of no more use."""

    def __init__(self, loop: asyncio.AbstractEventLoop, banner_timeout_s: float) -> None:
        self._loop = loop
        self.transport: asyncio.Transport | None = None
        self.failure: Failure | None = None
        self.detail = ""
        self.ended = False
        self.peer_closed = False  # its FIN came: it does not count this connection any more
        self.handed_over = False  # a session owns it now
        self.closed: asyncio.Future[None] = loop.create_future()  # done when the connection is gone for good
        self.replies: list[Reply] = []
        self._reader = ReplyReader()
        self._expected = 0
        self._needed = 0  # of those, how many the waiter waits for
        self._timeouts: Sequence[float] = ()
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self.expect(1, (banner_timeout_s,))  # the greeting may come before anybody awaits it

    # -- asking -----------------------------------------------------------------------------------------------

    def expect(self, count: int, timeouts_s: Sequence[float]) -> None:
        """The next `count` replies are wanted; each has its own time, counted from the one before."""
        self.replies = []
        self._expected = count
        self._timeouts = timeouts_s
        self._move_deadline(timeouts_s[0])

    def expect_also(self, count: int, timeouts_s: Sequence[float]) -> None:
        """Behind the replies that are wanted come so many more: their commands are in the same write."""
        self._timeouts = (*self._timeouts[: self._expected], *timeouts_s)
        self._expected += count

    def allow(self, timeout_s: float) -> None:
        """The answer that is awaited has this long from now."""
        self._move_deadline(timeout_s)

    def write(self, data: bytes | memoryview) -> None:
        if self.transport is not None and not self.ended:
            self.transport.write(data)

    @property
    def answered(self) -> bool:
        """Everything that was expected has come, or nothing more will."""
        return self.ended or len(self.replies) >= self._expected

    async def answers(self, count: int = 0) -> list[Reply]:
        """The replies expected, or the first `count` of them; fewer when the channel ended, `failure` says how (None: by 421)."""
        self._needed = needed = count or self._expected
        while not (self.ended or len(self.replies) >= needed):  # being able to write again wakes the waiter too
            await self._wait()
        if needed == self._expected:
            self._expected = 0
            return self.replies
        answers, self.replies = self.replies[:needed], self.replies[needed:]
        self._timeouts = self._timeouts[needed:]
        self._expected -= needed
        return answers

    async def drained(self, timeout_s: float) -> bool:
        """Wait until all that was written is with the kernel; False when an answer or the end came instead."""
        self._move_deadline(timeout_s)
        while self._paused and not self.answered:
            await self._wait()
        return not self.answered

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.abort()  # a late answer must never meet another command
            raise
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # -- the clock --------------------------------------------------------------------------------------------

    def _move_deadline(self, timeout_s: float) -> None:
        if self.ended:
            return
        self._deadline = deadline = self._loop.time() + timeout_s
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._time_is_up)
        elif self._timer.when() > deadline:
            self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        if self.ended or not self._expected:
            return
        if self._loop.time() + 0.0005 < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._time_is_up)
        else:
            self.fail(Failure.TIMEOUT, "no answer in time")

    # -- the end ----------------------------------------------------------------------------------------------

    def fail(self, failure: Failure | None, detail: str = "") -> None:
        """End this channel at once; the first reason stays."""
        if not self.ended:
            self.ended = True
            self.failure = failure
            self.detail = detail
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self.transport is not None:
                self.transport.abort()
        self._wake()

    def abort(self) -> None:
        self.fail(Failure.CUT, "closed by us")

    async def start_tls(self, context: ssl.SSLContext, host: str, timeout_s: float) -> None:
        """Go on encrypted. Raises what the handshake raises; a peer that spoke before it has ended the channel already."""
        assert self.transport is not None
        async with asyncio.timeout(timeout_s):  # the loops' own handshake timeouts end in different exceptions
            transport = await self._loop.start_tls(self.transport, self, context, server_hostname=host, ssl_handshake_timeout=timeout_s + 5)
        assert transport is not None
        self._take(transport)

    def _take(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        # "Drained" shall mean that the kernel has it all, so that the dot is not queued behind a body.
        # Not high=0: asyncio's TLS transport pauses at `size >= high`, an empty buffer included, and never resumes.
        transport.set_write_buffer_limits(high=1, low=0)

    # -- what the loop calls ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._take(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        if self.ended:
            return
        replies = self.replies
        wanted = self._expected - len(replies)
        if wanted <= 0:
            self.fail(Failure.PROTOCOL, "the peer spoke out of turn")
            return
        reader = self._reader
        new = reader.feed(data, wanted)
        for reply in new:
            replies.append(reply)
            if reply.code == CLOSING:
                self.fail(None)
                return
        if reader.broken:
            self.fail(Failure.PROTOCOL, reader.broken)
        elif len(new) == wanted:
            if reader.holds_something:
                self.fail(Failure.PROTOCOL, "more replies than commands")
            self._wake()
        elif new:
            self._move_deadline(self._timeouts[len(replies)])
            if len(replies) >= self._needed:
                self._wake()

    def eof_received(self) -> bool:
        self.peer_closed = True
        self.fail(Failure.CUT, "closed by the peer")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(Failure.CUT, f"{type(exc).__name__}" if exc else "closed by the peer")
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()
