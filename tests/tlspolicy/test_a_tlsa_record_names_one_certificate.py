"""DANE's records against certificates, and over a real handshake on both event loops."""

from pathlib import Path

import pytest

from delivery.smtp.connect import ConnectFailure, connect
from delivery.smtp.session import Session
from delivery.smtp.target import Source, Target, TlsMode
from delivery.smtp.tls import TlsContexts
from delivery.smtp.wire import Failure, Phase
from delivery.tlspolicy.dane import problem_with, read_tlsa, usable
from tests.smtp.conftest import PATIENT, SANDBOX, run  # noqa: F401  a fixture
from tests.smtp.hostile import Line, Peer
from tests.tlspolicy.certificates import NOW, Made, make, server_context

HOST = "mx.peer.test"
ROOT = make("root", ca=True)
INTERMEDIATE = make("intermediate", ROOT, ca=True)
LEAF = make(HOST, INTERMEDIATE, names=(HOST,))
ENDED = make(HOST, INTERMEDIATE, names=(HOST,), ended=True)
STRANGER = make("stranger", ca=True)
CHAIN = [LEAF.der, INTERMEDIATE.der, ROOT.der]
FORMS = [(selector, matching) for selector in (0, 1) for matching in (0, 1, 2)]


def problem(chain: list[bytes], *records: str, name: str = HOST) -> str | None:
    return problem_with(chain, usable(records), (name,), NOW)


@pytest.mark.parametrize(("selector", "matching"), FORMS)
def test_the_hosts_own_is_enough_whatever_its_name_and_date(selector: int, matching: int) -> None:
    """DANE-EE (RFC 7672 §3.1.1)."""
    assert problem([LEAF.der], LEAF.tlsa(3, selector, matching), name="other.test") is None
    assert problem([ENDED.der], ENDED.tlsa(3, selector, matching)) is None
    assert "none that its TLSA records name" in str(problem(CHAIN, STRANGER.tlsa(3, selector, matching)))
    assert problem(CHAIN, ROOT.tlsa(3, selector, matching)) is not None  # an authority's record says nothing of the host's own


@pytest.mark.parametrize(("selector", "matching"), FORMS)
@pytest.mark.parametrize("authority", [ROOT, INTERMEDIATE], ids=["root", "intermediate"])
def test_an_authority_vouches_for_name_and_date(authority: Made, selector: int, matching: int) -> None:
    """DANE-TA (RFC 7672 §3.1.2), from the chain that the host sends."""
    record = authority.tlsa(2, selector, matching)
    assert problem(CHAIN, record) is None
    assert "subjectAltName" in str(problem(CHAIN, record, name="other.peer.test"))
    assert problem([ENDED.der, INTERMEDIATE.der, ROOT.der], record) is not None
    assert problem([STRANGER.der, INTERMEDIATE.der, ROOT.der], record) is not None  # sends an authority that signed nothing here


def test_an_authority_that_is_not_sent_is_taken_from_a_record_that_holds_it_whole() -> None:
    assert problem([LEAF.der, INTERMEDIATE.der], ROOT.tlsa(2, 0, 0)) is None
    assert problem([LEAF.der, INTERMEDIATE.der], ROOT.tlsa(2, 0, 1)) is not None


def test_one_record_that_fits_is_enough() -> None:
    """Key roll-over: the old and the new one stand side by side (RFC 7671 §8.1)."""
    assert problem([LEAF.der], STRANGER.tlsa(3, 1, 1), LEAF.tlsa(3, 1, 1)) is None


@pytest.mark.parametrize(
    "text",
    ["0 0 1 " + "ab" * 32, "1 1 1 " + "ab" * 32, "3 2 1 " + "ab" * 32, "3 1 3 " + "ab" * 32, "3 1 1 abcd", "3 1 2 " + "ab" * 32, "3 1 0", "x", "3 1 1 zz"],
)
def test_what_proves_nothing_is_unusable(text: str) -> None:
    assert usable([text]) == ()
    record = read_tlsa(text)
    assert record is None or not record.usable


@pytest.mark.parametrize("chain", [[], [b"\x30\x00"], [b"junk", LEAF.der]])
def test_rubbish_is_a_reason_and_no_surprise(chain: list[bytes]) -> None:
    assert problem(chain, LEAF.tlsa(3, 1, 1))


async def open_by(peer: Peer, *records: str, base: str = HOST) -> Session:
    target = Target(HOST, "127.0.0.1", peer.port, TlsMode.DANE, tlsa=usable(records), base=base)
    return await connect(target, Source("127.0.0.1", "out.test"), PATIENT, TlsContexts(), SANDBOX)


def greeted(line: Line) -> None:
    line.greet("STARTTLS")
    line.secure()
    line.hello()
    line.stall()


@pytest.mark.parametrize(
    ("record", "sent"),
    [
        (LEAF.tlsa(3, 1, 1), ()),
        (ROOT.tlsa(2, 0, 1), (INTERMEDIATE, ROOT)),
        (INTERMEDIATE.tlsa(2, 1, 2), (INTERMEDIATE,)),
        (ROOT.tlsa(2, 0, 0), (INTERMEDIATE,)),
    ],
    ids=["own key", "root sent", "intermediate", "root in the record"],
)
def test_over_a_real_handshake(run, tmp_path: Path, record: str, sent: tuple[Made, ...]) -> None:  # noqa: F811
    async def talk() -> str:
        session = await open_by(peer, record)
        session.abort()
        return session.tls

    with Peer(greeted, context=server_context(tmp_path, LEAF, *sent)) as peer:
        said = run(talk())
    assert said.startswith("TLSv1.3 TLS_") and said.endswith(" dane")


@pytest.mark.parametrize("record", [STRANGER.tlsa(3, 1, 1), ROOT.tlsa(2, 0, 1)], ids=["another key", "an authority that is not sent"])
def test_who_shows_another_certificate_hears_nothing_more(run, tmp_path: Path, record: str) -> None:  # noqa: F811
    async def talk() -> None:
        with pytest.raises(ConnectFailure) as caught:
            await open_by(peer, record)
        assert (caught.value.phase, caught.value.failure) == (Phase.STARTTLS, Failure.TLS_DANE)

    with Peer(greeted, context=server_context(tmp_path, LEAF)) as peer:
        run(talk())
    assert [line for line in peer.lines if line.startswith((b"MAIL", b"AUTH"))] == []
    assert sum(line.startswith(b"EHLO") for line in peer.lines) == 1


def test_sni_is_the_name_that_the_records_stand_under(run, tmp_path: Path) -> None:  # noqa: F811
    """RFC 7672 §8.1: an alias led there."""
    context, named = server_context(tmp_path, LEAF), []
    context.sni_callback = lambda sock, name, _: named.append(name)

    async def talk() -> None:
        (await open_by(peer, LEAF.tlsa(3, 1, 1), base="real.peer.test")).abort()

    with Peer(greeted, context=context) as peer:
        run(talk())
    assert named == ["real.peer.test"]
