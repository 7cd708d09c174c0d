"""The signer: a process that signs for one engine, so that RSA takes no time from the engine's loop.

In one process threads would sign while the loop talks, but each takes the interpreter's lock from the loop to give back what it made:
of an engine's time that cost half of what the signature itself does. So the engine writes what is to be signed to a socket and reads signatures,
in the order in which it asked. Frames, both ways: 4 octets of length, then a KEY, a MESSAGE or an ANSWER.
Promises: ends when the engine's end of the socket is closed, however the engine ended; keys come over the socket only, and are kept in memory only.
Never: reads settings, environment, database, files or network. How it fails: an answer says why; whoever asked may ask another one.
"""

import os
import signal
import socket
import struct
from collections import deque
from collections.abc import Iterator, Sequence

from delivery.sign.dkim import Draft, Signer
from delivery.sign.eight import Eight
from delivery.sign.keyring import drafts_of

LENGTH = struct.Struct("<I")
MESSAGE = struct.Struct("<BQ32sB")  # kind, seconds since 1970, the body's hash, how many keys; then their numbers, then the head
NUMBER = struct.Struct("<I")
KEY_KIND, MESSAGE_KIND = 1, 2
SIGNED, REFUSED = b"\x00", b"\x01"
READ_BYTES = 256 * 1024
TOGETHER = 8  # so many are signed, and their answers written, at once
NICE = 5  # on a busy machine the loops that talk go first: they hand over what is signed, and ask for more


class Frames:
    """What came so far, cut into frames."""

    def __init__(self) -> None:
        self._left = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        data, at = self._left + data, 0
        while len(data) - at >= LENGTH.size:
            end = at + LENGTH.size + LENGTH.unpack_from(data, at)[0]
            if end > len(data):
                break
            yield data[at + LENGTH.size : end]
            at = end
        self._left = data[at:]


def framed(payload: bytes) -> bytes:
    return LENGTH.pack(len(payload)) + payload


def key_frame(number: int, signer: Signer) -> bytes:
    names = "\n".join((signer.domain, signer.selector, signer.algorithm)).encode()
    return framed(bytes((KEY_KIND,)) + NUMBER.pack(number) + names + b"\n" + signer.private_pem())


def message_frame(numbers: Sequence[int], head: bytes, body_hash: bytes, at_s: int) -> bytes:
    return framed(MESSAGE.pack(MESSAGE_KIND, at_s, body_hash, len(numbers)) + b"".join(map(NUMBER.pack, numbers)) + head)


def answer_of(frame: bytes) -> bytes | ValueError:
    """Signature fields, or why there are none."""
    return frame[1:] if frame[:1] == SIGNED else ValueError(frame[1:].decode("utf-8", "replace"))


class _Desk:
    """The keys that came, and what they sign."""

    def __init__(self) -> None:
        self._signers: dict[int, Signer] = {}
        self._eight = Eight.here()

    def answers(self, frames: Sequence[bytes]) -> bytes:
        """To the messages among these frames, in their order; all are signed together, and none spoils another's answer."""
        asked = [self._drafts(frame) for frame in frames if not self._learned(frame)]
        if self._eight:
            self._eight.sign([draft for drafts in asked if not isinstance(drafts, Exception) for draft in drafts])
        return b"".join([_answer_frame(drafts) for drafts in asked])

    def _learned(self, frame: bytes) -> bool:
        """Whether it was a key."""
        if frame[0] != KEY_KIND:
            return False
        (number,) = NUMBER.unpack_from(frame, 1)
        domain, selector, algorithm, pem = frame[1 + NUMBER.size :].split(b"\n", 3)
        signer = self._signers[number] = Signer(domain.decode(), selector.decode(), algorithm.decode(), pem)
        if self._eight:
            self._eight.learn(signer)
        return True

    def _drafts(self, frame: bytes) -> list[Draft] | Exception:
        try:
            _, at_s, body_hash, count = MESSAGE.unpack_from(frame)
            head_at = MESSAGE.size + count * NUMBER.size
            signers = [self._signers[number] for (number,) in NUMBER.iter_unpack(frame[MESSAGE.size : head_at])]
            return drafts_of(signers, frame[head_at:], body_hash, at_s)
        except Exception as error:
            return error


def _answer_frame(drafts: list[Draft] | Exception) -> bytes:
    try:
        if isinstance(drafts, Exception):
            raise drafts
        return framed(SIGNED + b"".join([draft.whole() for draft in drafts]))
    except Exception as error:
        return framed(REFUSED + f"{type(error).__name__}: {error}".encode())


def serve(sock: socket.socket) -> None:
    """Until the other end is closed."""
    frames, desk, waiting = Frames(), _Desk(), deque[bytes]()
    while True:
        try:
            data = sock.recv(READ_BYTES, socket.MSG_DONTWAIT if waiting else 0)
        except BlockingIOError:
            pass
        else:
            if not data:
                return
            waiting.extend(frames.feed(data))
        if waiting:
            sock.sendall(desk.answers([waiting.popleft() for _ in range(min(TOGETHER, len(waiting)))]))


if __name__ == "__main__":
    # The engine decides when it ends: it has to drain while everybody around it is told to stop.
    os.nice(NICE)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    try:
        serve(socket.socket(fileno=os.dup(0)))
    except ConnectionError:
        pass
