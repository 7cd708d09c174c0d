"""Signing: in a process beside the engine, transactional mail's before all that wait, and whatever becomes of that process."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import dkim
import psutil
import pytest
import uvloop

from delivery.engine.signing import AHEAD, Signing
from delivery.sign import apart
from delivery.sign.dkim import ED25519, RSA, Signer, body_hash, make_key
from delivery.sign.keyring import sign_message

Keys = dict[str, tuple[Signer, bytes]]
HEAD = b"From: a@harbour.example\r\nSubject: %d\r\n"
BODY = b"Hello\r\n"
ENGINE = """
import asyncio, psutil
from delivery.engine.signing import Signing
async def main():
    signing = Signing()
    signing.start()
    print(psutil.Process().children()[0].pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def keys() -> Keys:
    pairs = {algorithm: make_key(algorithm) for algorithm in (RSA, ED25519)}
    return {name: (Signer("harbour.example", name[:3], name, pem), record.encode()) for name, (pem, record) in pairs.items()}


def on_both_loops(test: Callable[[Signing, Keys, pytest.MonkeyPatch], Coroutine[Any, Any, None]]) -> Callable[..., None]:
    async def with_signing(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
        signing = Signing()
        try:
            await test(signing, keys, monkeypatch)
        finally:
            signing.close()

    @pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
    def on_a_loop(loop: Callable[[], asyncio.AbstractEventLoop], keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(with_signing(keys, monkeypatch))

    on_a_loop.__name__ = test.__name__
    return on_a_loop


def _signers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "delivery.sign.apart" in child.cmdline()]


@on_both_loops
async def test_what_the_signer_makes_is_what_the_keys_make(signing: Signing, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    signers = [signer for signer, _ in keys.values()]
    heads = [HEAD % number for number in range(3 * AHEAD)]
    made = await asyncio.gather(*(signing.begin(signers, head, body_hash(BODY)) for head in heads))
    for head, fields in zip(heads, made, strict=True):
        assert fields == sign_message(signers, head, body_hash(BODY), int(fields.split(b" t=")[1].split(b";")[0]))
        assert dkim.DKIM(fields + head + b"\r\n" + BODY).verify(dnsfunc=lambda *_, **__: keys[RSA][1])


@on_both_loops
async def test_a_transactional_message_does_not_wait_behind_a_campaigns(signing: Signing, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    signers = (keys[RSA][0],)
    bulk = [signing.begin(signers, HEAD % number, body_hash(BODY)) for number in range(20 * AHEAD)]
    await bulk[0]
    done = sum(one.done() for one in bulk)
    await signing.begin(signers, HEAD % 0, body_hash(BODY), first=True)
    assert sum(one.done() for one in bulk) <= done + 2 * AHEAD
    await asyncio.gather(*bulk)


@on_both_loops
async def test_one_of_them_is_signed_at_once_while_the_signer_has_its_hands_full(signing: Signing, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.engine.signing.HERE_EVERY_S", 60.0)
    signers = (keys[RSA][0],)
    await signing.begin(signers, HEAD % 0, body_hash(BODY))
    (process,) = _signers()
    process.suspend()
    bulk = [signing.begin(signers, HEAD % number, body_hash(BODY)) for number in range(3)]
    await asyncio.sleep(0)
    codes = [signing.begin(signers, HEAD % number, body_hash(BODY), first=True) for number in (7, 8)]
    assert [code.done() for code in codes] == [True, False], "the loop signs one now and then, and goes on"
    process.resume()
    await asyncio.gather(*bulk, *codes)


@on_both_loops
async def test_a_signer_that_is_killed_is_replaced_and_every_message_is_signed_once(signing: Signing, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    signers = (keys[RSA][0],)
    asked = [signing.begin(signers, HEAD % number, body_hash(BODY)) for number in range(20 * AHEAD)]
    await asked[0]
    (first,) = _signers()
    os.kill(first.pid, signal.SIGKILL)
    fields = await asyncio.wait_for(asyncio.gather(*asked), 30)
    assert all(field.startswith(b"DKIM-Signature:") for field in fields)
    for number in (0, 1, AHEAD, len(asked) - 1):
        assert dkim.DKIM(fields[number] + HEAD % number + b"\r\n" + BODY).verify(dnsfunc=lambda *_, **__: keys[RSA][1])
    await asyncio.sleep(1.1)
    await signing.begin(signers, HEAD % 1, body_hash(BODY))
    (second,) = _signers()
    assert second.pid != first.pid


@on_both_loops
async def test_a_signer_that_hangs_is_replaced(signing: Signing, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    signers = (keys[RSA][0],)
    await signing.begin(signers, HEAD % 0, body_hash(BODY))
    (first,) = _signers()
    first.suspend()
    monkeypatch.setattr("delivery.engine.signing.PATIENCE_S", 0.5)
    asked = [signing.begin(signers, HEAD % number, body_hash(BODY)) for number in range(2 * AHEAD)]
    fields = await asyncio.wait_for(asyncio.gather(*asked), 60)
    assert all(field.startswith(b"DKIM-Signature:") for field in fields)
    assert not first.is_running()


@on_both_loops
async def test_a_signer_that_knows_too_many_keys_gives_way_to_one_other(signing: Signing, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    signers = [signer for signer, _ in keys.values()]
    await signing.begin(signers, HEAD % 0, body_hash(BODY))
    (first,) = _signers()
    monkeypatch.setattr("delivery.engine.signing.MANY_KEYS", 1)
    await asyncio.sleep(1.1)  # the pause between two signers is over
    await asyncio.gather(*(signing.begin(signers[:1], HEAD % number, body_hash(BODY)) for number in range(2 * AHEAD)))
    await asyncio.sleep(1.1)
    await asyncio.gather(*(signing.begin(signers[:1], HEAD % number, body_hash(BODY)) for number in range(2 * AHEAD)))
    (second,) = _signers()
    assert second.pid != first.pid


def test_what_cannot_be_signed_is_said_and_spoils_nothing_else(keys: Keys) -> None:
    ours, theirs = socket.socketpair()
    serving = threading.Thread(target=apart.serve, args=(theirs,))
    serving.start()
    with ours:
        unknown, known = (apart.message_frame([number], HEAD % 1, body_hash(BODY), 1) for number in (7, 0))
        ours.sendall(apart.key_frame(0, keys[RSA][0]) + unknown + known)
        frames, found, answers = apart.Frames(), 0, []
        while found < 2:
            answers += [apart.answer_of(frame) for frame in frames.feed(ours.recv(65536))]
            found = len(answers)
    serving.join(5)
    assert not serving.is_alive()
    assert isinstance(answers[0], ValueError)
    assert answers[1] == sign_message([keys[RSA][0]], HEAD % 1, body_hash(BODY), 1)


def test_a_signer_ends_with_its_engine_however_that_ends(tmp_path: Path) -> None:
    engine = subprocess.Popen([sys.executable, "-c", ENGINE], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, env={**os.environ, "SECRET_KEY": "hush"})
    assert engine.stdout
    signer = psutil.Process(int(engine.stdout.readline()))
    assert "delivery.sign.apart" in signer.cmdline()
    assert "SECRET_KEY" not in signer.environ()
    engine.kill()
    engine.wait()
    engine.stdout.close()
    signer.wait(5)
