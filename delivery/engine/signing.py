"""Signing off the event loop: what the letters ask of the engine's signer, a process beside it (delivery/sign/apart.py).

Promises: transactional mail is signed before all that waits, now and then in the loop itself; AHEAD messages at most are out of its reach. What was
asked is answered whatever becomes of the signer: one that ends or hangs is replaced, and where none can be had the loop signs by itself, slowly.
How it fails: what a signer raises reaches the one that asked.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import structlog

from delivery.sign import apart
from delivery.sign.dkim import Signer
from delivery.sign.keyring import sign_message

AHEAD = 24  # at the signer at once: 3 to 9 ms of RSA
HERE_EVERY_S = 0.005  # how often the loop itself may sign what comes first, which takes 0.3 ms, while the signer is busy
MANY_KEYS = 10_000  # a signer that knows so many is replaced by one that knows none
NEW_AFTER_S = 1.0  # between two signers
PATIENCE_S = 5.0  # a signer that answers nothing for so long is replaced

ROOT = Path(__file__).parents[2]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Wanted:
    signers: Sequence[Signer]
    head: bytes
    body_hash: bytes
    answer: "asyncio.Future[bytes]"


class Signing:
    """`begin` may be asked as often as wanted; what it gives may be awaited or let go."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._first: deque[_Wanted] = deque()
        self._waiting: deque[_Wanted] = deque()
        self._signer: _SignerProcess | None = None
        self._began_s, self._here_again_s = float("-inf"), 0.0
        self._scheduled = self._closed = False
        self._watching: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Have a signer before the first one asks: it takes a tenth of a second."""
        self._begun()

    def begin(self, signers: Sequence[Signer], head: bytes, body_hash: bytes, first: bool = False) -> "asyncio.Future[bytes]":
        """The signature fields that go above this head, soon; `first`: before all that wait."""
        answer: asyncio.Future[bytes] = self._loop.create_future()
        wanted = _Wanted(signers, head, body_hash, answer)
        if first and self._signs_here():
            _answer(wanted, _signed_here(wanted))
            return answer
        (self._first if first else self._waiting).append(wanted)
        if not self._scheduled:
            # Not before this tick is over: what others ask in it goes along.
            self._scheduled = True
            self._loop.call_soon(self._hand_over)
        return answer

    def _signs_here(self) -> bool:
        """On a busy machine another process's turn comes late: a one-time password does not wait for it."""
        now = time.monotonic()
        if now < self._here_again_s or not (self._waiting or (self._signer and self._signer.asked)):
            return False
        self._here_again_s = now + HERE_EVERY_S
        return True

    def close(self) -> None:
        self._closed = True
        if self._watching:
            self._watching.cancel()
        if self._signer:
            self._signer.close()

    def _hand_over(self) -> None:
        self._scheduled = False
        if self._closed:
            return
        signer = self._begun()
        room = AHEAD - len(signer.asked) if signer else 1
        batch = [self._first.popleft() for _ in range(min(room, len(self._first)))]
        batch += [self._waiting.popleft() for _ in range(min(room - len(batch), len(self._waiting)))]
        if signer:
            signer.ask(batch)
            self._watch()
            return
        for one in batch:  # no signer can be had: one a tick, so that the loop goes on
            _answer(one, _signed_here(one))
        if self._first or self._waiting:
            self._scheduled = True
            self._loop.call_soon(self._hand_over)

    def _watch(self) -> None:
        if not self._watching and self._signer and self._signer.asked:
            self._watching = self._loop.call_later(PATIENCE_S / 5, self._look)

    def _look(self) -> None:
        self._watching = None
        if self._signer and self._signer.silent_s(time.monotonic()) > PATIENCE_S:
            log.error("signer_silent", asked=len(self._signer.asked))
            self._signer.end()
        self._watch()

    def _begun(self) -> "_SignerProcess | None":
        if self._signer and self._signer.knows > MANY_KEYS:
            self._signer.end()
        now = time.monotonic()
        if self._signer is None and now - self._began_s >= NEW_AFTER_S:
            self._began_s = now
            try:
                self._signer = _SignerProcess(self._loop, self._hand_over, self._lost)
            except OSError as error:
                log.error("signer_not_started", error=str(error))
        return self._signer

    def _lost(self, unanswered: Sequence[_Wanted]) -> None:
        """The signer ended by itself: what it had is asked again, in its turn."""
        self._signer = None
        if self._closed:
            return
        log.error("signer_ended", unanswered=len(unanswered))
        if unanswered:  # should the first one have ended it, nobody else has to meet it
            _answer(unanswered[0], _signed_here(unanswered[0]))
            self._first.extendleft(reversed(list(unanswered)[1:]))
        self._hand_over()


class _SignerProcess(asyncio.Protocol):
    """One signer that runs, what it was asked, and which keys it knows."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_room: Callable[[], None], on_lost: Callable[[Sequence[_Wanted]], None]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # The signer needs no secret but the keys that it is sent; a terminal's Ctrl-C is the engine's to hear.
            self._process = subprocess.Popen(
                [sys.executable, "-m", apart.__name__], stdin=theirs.fileno(), env=_bare_environment(), cwd=ROOT, start_new_session=True
            )
        self.asked: deque[_Wanted] = deque()
        self._on_room, self._on_lost = on_room, on_lost
        self._numbers: dict[int, int] = {}  # of the keys that it knows, by the identity of their Signer
        self._signers: list[Signer] = []  # kept, so that an identity names one for ever
        self._frames = apart.Frames()
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._heard_s = time.monotonic()  # or since when there was something to be heard
        self._connecting = loop.create_task(loop.connect_accepted_socket(lambda: self, ours))
        self._connecting.add_done_callback(self._connected)

    @property
    def knows(self) -> int:
        return len(self._signers)

    def ask(self, batch: Sequence[_Wanted]) -> None:
        at_s = int(time.time())
        if not self.asked:
            self._heard_s = time.monotonic()
        frames: list[bytes] = []
        for one in batch:
            numbers = [self._number(signer, frames) for signer in one.signers]
            frames.append(apart.message_frame(numbers, one.head, one.body_hash, at_s))
        self.asked.extend(batch)
        if self._transport:
            self._transport.write(b"".join(frames))
        else:
            self._early += frames

    def silent_s(self, now_s: float) -> float:
        """How long an answer has been missing."""
        return now_s - self._heard_s if self.asked else 0.0

    def end(self) -> None:
        """What it was asked is asked again of another."""
        self._process.kill()

    def close(self) -> None:
        self._connecting.cancel()
        if self._transport:
            self._transport.abort()
        self._process.kill()  # it has nothing to finish
        self._process.wait()

    def _number(self, signer: Signer, frames: list[bytes]) -> int:
        number = self._numbers.get(id(signer))
        if number is None:
            number = self._numbers[id(signer)] = len(self._signers)
            self._signers.append(signer)
            frames.append(apart.key_frame(number, signer))
        return number

    def _connected(self, connecting: "asyncio.Task[object]") -> None:
        if not connecting.cancelled() and connecting.exception() is not None:
            self.connection_lost(None)

    # -- what the socket says -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only
        self._transport.write(b"".join(self._early))
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        self._heard_s = time.monotonic()
        for frame in self._frames.feed(data):
            _answer(self.asked.popleft(), apart.answer_of(frame))
        self._on_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()
        self._on_lost(self.asked)


def _signed_here(one: _Wanted) -> bytes | Exception:
    try:
        return sign_message(one.signers, one.head, one.body_hash, int(time.time()))
    except Exception as error:
        return error


def _answer(one: _Wanted, result: bytes | Exception) -> None:
    if one.answer.done():
        return
    if isinstance(result, Exception):
        one.answer.set_exception(result)
    else:
        one.answer.set_result(result)


def _bare_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH") if name in os.environ}
