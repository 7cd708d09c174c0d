"""Signing: what many wait for is signed in batches, and transactional mail's before all that wait."""

import asyncio
import time
from typing import Any

from delivery.engine.signing import BATCH, THREADS, Signing


class _Slow:
    """A signer that takes its time."""

    algorithm = "rsa-sha256"

    def sign_lines(self, *message: object) -> bytes:
        time.sleep(0.002)
        return b"signature: x\r\n"


async def test_a_transactional_message_does_not_wait_behind_a_campaigns() -> None:
    signing, slow = Signing(), _Slow()
    signers: Any = (slow,)
    bulk = [signing.begin(signers, b"bulk: %d\r\n" % number, b"") for number in range(20 * BATCH)]
    await asyncio.sleep(0.01)
    await signing.begin(signers, b"code: 1\r\n", b"", first=True)
    assert sum(one.done() for one in bulk) <= (2 * THREADS + 2) * BATCH
    assert signing.late_s(time.monotonic()) > 0
    await asyncio.gather(*bulk)
    assert signing.late_s(time.monotonic()) == 0
    signing.close()
