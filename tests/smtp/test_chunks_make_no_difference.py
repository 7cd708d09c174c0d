"""However the network cuts up what a peer says, the same answers come of it; and whatever bytes come, reading never raises."""

import time
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.smtp.replies import LINE_KEPT_BYTES, REPLY_LIMIT_BYTES, ReplyReader
from delivery.smtp.wire import Reply
from tests.smtp.conftest import BODY, HEAD, envelope, open_session, yes
from tests.smtp.hostile import Line, Peer

texts = st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b""))
codes = st.integers(200, 599).filter(lambda code: code != 421)


@st.composite
def replies(draw: st.DrawFn) -> bytes:
    code = draw(codes)
    *more, last = draw(st.lists(texts, min_size=1, max_size=4))
    end = draw(st.sampled_from([b"\r\n", b"\n"]))
    return b"".join(b"%d-%b%b" % (code, line, end) for line in more) + b"%d %b%b" % (code, last, end)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


def read(chunks: list[bytes], limit: int = 100) -> tuple[list[Reply], str]:
    reader = ReplyReader()
    found: list[Reply] = []
    for chunk in chunks:
        found += reader.feed(chunk, limit)
    return found, reader.broken


@given(st.lists(replies(), min_size=1, max_size=5), st.lists(st.integers(0, 5000), max_size=30))
def test_any_cutting_gives_the_same_replies(said: list[bytes], places: list[int]) -> None:
    data = b"".join(said)
    whole, broken = read([data])
    assert not broken and len(whole) == len(said)
    assert read(cut(data, places)) == (whole, "")
    assert [reply.code for reply in whole] == [int(one[:3]) for one in said]
    for reply in whole:
        assert reply.text.isprintable() and len(reply.text) <= 2000
        reply.text.encode()


@given(st.binary(max_size=3000), st.lists(st.integers(0, 3000), max_size=20))
def test_any_bytes_can_be_read(data: bytes, places: list[int]) -> None:
    whole, broken = read([data])
    assert read(cut(data, places)) == (whole, broken)


def test_little_is_kept_of_much_and_one_octet_at_a_time_is_no_attack() -> None:
    reader = ReplyReader()
    start = time.process_time()
    for _ in range(REPLY_LIMIT_BYTES + 10):
        reader.feed(b"2", 3)
        assert len(reader._tail) <= LINE_KEPT_BYTES + 1
    assert reader.broken
    assert time.process_time() - start < 5


def test_an_enhanced_code_that_every_line_repeats_is_said_once() -> None:
    [reply], _ = read([b"550-5.1.1 The email account that you tried to reach\r\n550-5.1.1 does not exist.\r\n550 5.1.1 Learn more\r\n"])
    assert (reply.code, reply.enhanced) == (550, "5.1.1")
    assert reply.text == "550 5.1.1 The email account that you tried to reach does not exist. Learn more"


def test_what_only_looks_like_an_enhanced_code_is_none() -> None:
    for said in (b"250 2.1 ok", b"250 2..1 ok", b"250 1.2.3 ok", b"250 5.1.1111 no", b"250 2.x.1 ok", b"250 ", b"250", b"250 5."):
        [reply], _ = read([said + b"\r\n"])
        assert reply.enhanced is None and reply.code == 250


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=40))
def test_a_session_over_crumbs_is_a_session(sizes: list[int]) -> None:
    import asyncio

    def script(line: Line) -> None:
        def crumbs(data: bytes) -> None:
            turn = 0
            while data:
                size = sizes[turn % len(sizes)]
                line.sock.sendall(data[:size])
                data = data[size:]
                turn += 1

        line.raw = crumbs  # type: ignore[method-assign]
        line.greet()
        line.accept("250 2.0.0 first")
        line.accept("250-2.0.0 second\r\n250 2.0.0 and last")
        line.stall()

    async def talk() -> None:
        session = await open_session(peer)
        first = await session.send(envelope(), HEAD, BODY, yes)
        second = await session.send(envelope(), HEAD, BODY, yes)
        assert first.final is not None and first.final.text == "250 2.0.0 first"
        assert second.final is not None and second.final.text == "250 2.0.0 second and last"
        session.abort()

    with Peer(script) as peer:
        asyncio.run(talk())
    assert peer.messages == [HEAD + BODY] * 2
