"""Signing off the event loop, several messages at a time.

RSA lets go of the GIL, so threads sign while the loop talks; but handing one message to a thread and back costs the loop a fifth of what the
signature does, so a thread takes all that wait, up to BATCH. One message alone is signed at once. How it fails: what
a signer raises reaches the one that asked.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from delivery.sign.dkim import Signer
from delivery.sign.keyring import sign_message

THREADS, BATCH = 2, 16


@dataclass(frozen=True, slots=True)
class _Wanted:
    signers: Sequence[Signer]
    head: bytes
    body_hash: bytes
    answer: "asyncio.Future[bytes]"
    asked_s: float


class Signing:
    """`begin` may be asked as often as wanted; what it gives may be awaited or let go."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sign")
        self._first: deque[_Wanted] = deque()
        self._waiting: deque[_Wanted] = deque()
        self._busy = 0

    def begin(self, signers: Sequence[Signer], head: bytes, body_hash: bytes, first: bool = False) -> "asyncio.Future[bytes]":
        """The signature fields that go above this head, soon; `first`: before all that wait."""
        answer: asyncio.Future[bytes] = self._loop.create_future()
        (self._first if first else self._waiting).append(_Wanted(signers, head, body_hash, answer, time.monotonic()))
        if self._busy < THREADS:
            # Not before this tick is over: what others ask in it goes along.
            self._busy += 1
            self._loop.call_soon(self._start)
        return answer

    def late_s(self, now_s: float) -> float:
        """How long the next one has waited for a thread."""
        return now_s - self._waiting[0].asked_s if self._waiting else 0.0

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> None:
        batch = [self._first.popleft() for _ in range(min(BATCH, len(self._first)))]
        batch += [self._waiting.popleft() for _ in range(min(BATCH - len(batch), len(self._waiting)))]
        if batch:
            self._threads.submit(self._sign, batch)
        else:
            self._busy -= 1

    def _sign(self, batch: list[_Wanted]) -> None:
        """In a thread."""
        at_s = int(time.time())
        signed: list[bytes | Exception] = []
        for one in batch:
            try:
                signed.append(sign_message(one.signers, one.head, one.body_hash, at_s))
            except Exception as error:
                signed.append(error)
        self._loop.call_soon_threadsafe(self._signed, batch, signed)

    def _signed(self, batch: list[_Wanted], signed: list[bytes | Exception]) -> None:
        for one, result in zip(batch, signed, strict=True):
            if one.answer.done():
                continue
            if isinstance(result, Exception):
                one.answer.set_exception(result)
            else:
                one.answer.set_result(result)
        self._start()
