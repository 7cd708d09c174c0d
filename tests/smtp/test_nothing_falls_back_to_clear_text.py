"""TLS: required means required; what was said before the handshake counts for nothing."""

import ssl

import pytest

from delivery.smtp.connect import ConnectFailure
from delivery.smtp.target import TlsMode
from delivery.smtp.tls import TlsContexts
from delivery.smtp.wire import Failure, Phase
from tests.smtp.conftest import BODY, HEAD, envelope, impatient, open_session, yes
from tests.smtp.hostile import Line, Peer


async def refused(peer: Peer, mode: TlsMode = TlsMode.REQUIRED, **options) -> ConnectFailure:
    with pytest.raises(ConnectFailure) as caught:
        await open_session(peer, mode, **options)
    assert not any(line.startswith((b"MAIL", b"AUTH")) for line in peer.lines)
    return caught.value


def test_a_host_without_starttls_gets_no_mail(run) -> None:
    async def talk() -> None:
        failed = await refused(peer)
        assert (failed.phase, failed.failure) == (Phase.STARTTLS, Failure.TLS_NOT_OFFERED)

    with Peer(lambda line: (line.greet("PIPELINING"), line.stall())) as peer:
        run(talk())


def test_454_is_broken_tls_and_keeps_its_words(run) -> None:
    def script(line: Line) -> None:
        line.greet("STARTTLS")
        line.hear("STARTTLS")
        line.say("454 4.7.0 TLS not available")
        line.stall()

    async def talk() -> None:
        failed = await refused(peer)
        assert (failed.phase, failed.failure) == (Phase.STARTTLS, Failure.TLS_HANDSHAKE)
        assert failed.reply is not None and failed.reply.code == 454

    with Peer(script) as peer:
        run(talk())


@pytest.mark.parametrize("injected", [b"250-peer.test\r\n250 AUTH PLAIN\r\n", b"x", b"\x16\x03\x01"])
def test_plaintext_behind_the_220_ends_the_session(run, injected: bytes) -> None:
    """CVE-2011-0411 and its kind: an answer in the clear must not be read as one from inside the tunnel."""

    def script(line: Line) -> None:
        line.greet("STARTTLS")
        line.hear("STARTTLS")
        line.raw(b"220 2.0.0 ready\r\n" + injected)
        line.stall()

    async def talk() -> None:
        failed = await refused(peer)
        assert (failed.phase, failed.failure) == (Phase.STARTTLS, Failure.PROTOCOL)

    with Peer(script) as peer:
        run(talk())


@pytest.mark.parametrize(
    ("noise", "failure"),
    [(b"250 what handshake?\r\n" * 10, Failure.TLS_HANDSHAKE), (b"\0" * 70_000, Failure.TLS_HANDSHAKE), (None, Failure.CUT), (b"", Failure.TIMEOUT)],
    ids=["words", "zeros", "cut", "stall"],
)
def test_a_handshake_that_comes_to_nothing_is_told_as_such(run, noise: bytes | None, failure: Failure) -> None:
    def script(line: Line) -> None:
        line.greet("STARTTLS")
        line.hear("STARTTLS")
        line.say("220 2.0.0 ready")
        line.sock.recv(65536)  # its ClientHello
        if noise is not None:
            line.raw(noise)
            line.stall()

    async def talk() -> None:
        failed = await refused(peer, timeouts=impatient("starttls") if failure is Failure.TIMEOUT else impatient("quit"))
        assert (failed.phase, failed.failure) == (Phase.STARTTLS, failure)

    with Peer(script) as peer:
        run(talk())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_below_1_2_is_not_spoken(run, secrets) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.load_cert_chain(secrets.ca_file, secrets.ca_file.parent / "key.pem")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")

    async def talk() -> None:
        failed = await refused(peer)
        assert (failed.phase, failed.failure) == (Phase.STARTTLS, Failure.TLS_HANDSHAKE)

    with Peer(lambda line: (line.greet("STARTTLS"), line.secure()), context=old) as peer:
        run(talk())


@pytest.mark.parametrize(("host", "known"), [("other.test", True), ("peer.test", False)], ids=["another name", "unknown authority"])
def test_a_certificate_that_proves_nothing_is_refused_where_verified(run, secrets, host: str, known: bool) -> None:
    contexts = TlsContexts(secrets.ca_file if known else "")

    async def talk() -> None:
        failed = await refused(peer, TlsMode.VERIFIED, host=host, contexts=contexts)
        assert (failed.phase, failed.failure) == (Phase.STARTTLS, Failure.TLS_CERTIFICATE)
        assert failed.detail

    with Peer(lambda line: (line.greet("STARTTLS"), line.secure()), context=secrets.server) as peer:
        run(talk())


def test_what_is_said_inside_the_tunnel_counts(run, secrets) -> None:
    """Features before the handshake are forgotten (RFC 3207 §4.2); SNI names the host; noise after it ends the session."""
    named: list[str | None] = []
    context = secrets.server
    context.sni_callback = lambda sock, name, _: named.append(name)

    def script(line: Line) -> None:
        line.greet("STARTTLS", "PIPELINING", "SMTPUTF8", "SIZE 5")
        line.secure()
        line.hello("8BITMIME", "SIZE 77")
        line.accept()
        line.raw(b"250 nobody asked\r\n")
        line.stall()

    async def talk() -> None:
        session = await open_session(peer, TlsMode.VERIFIED, contexts=TlsContexts(secrets.ca_file))
        features = session.features
        assert (features.pipelining, features.smtputf8, features.eightbit, features.size_limit) == (False, False, True, 77)
        told = await session.send(envelope(), HEAD, BODY, yes)
        assert told.accepted
        session.abort()

    with Peer(script, context=context) as peer:
        run(talk())
    assert named == ["peer.test"] and peer.errors == []


def test_credentials_go_through_the_tunnel_and_into_no_text(run, secrets) -> None:
    heard: list[bytes] = []

    def script(line: Line) -> None:
        line.greet("STARTTLS")
        line.secure()
        line.hello("AUTH PLAIN LOGIN", "PIPELINING")
        heard.append(line.hear("AUTH PLAIN "))
        line.say("235 2.7.0 welcome" if line.peer.connections == 1 else "535 5.7.8 wrong")
        if line.peer.connections > 1:
            line.hear("AUTH LOGIN")
            line.say("535 5.7.8 wrong")
        else:
            line.accept()
        line.stall()

    async def talk() -> None:
        session = await open_session(peer, TlsMode.REQUIRED, login=("ann", "s3cret"))
        assert (await session.send(envelope(), HEAD, BODY, yes)).accepted
        session.abort()
        with pytest.raises(ConnectFailure) as caught:
            await open_session(peer, TlsMode.REQUIRED, login=("ann", "s3cret"))
        assert (caught.value.phase, caught.value.failure) == (Phase.AUTH, Failure.REFUSED)
        assert caught.value.reply is not None and caught.value.reply.code == 535
        assert "s3cret" not in str(caught.value) + repr(caught.value)

    with Peer(script, context=secrets.server) as peer:
        run(talk())
    assert heard[0] == b"AUTH PLAIN AGFubgBzM2NyZXQ=" and peer.errors == []
