"""A sending IP behind a SOCKS5 proxy: a small real proxy, which is told addresses and never names."""

import contextlib
import socket
import struct
import threading

import pytest

from delivery.smtp.connect import ConnectFailure, connect
from delivery.smtp.session import Session
from delivery.smtp.target import Source, Target, TlsMode
from delivery.smtp.tls import TlsContexts
from delivery.smtp.wire import Failure, Phase
from mailplatform.shell.addresses import AddressPolicy
from tests.listening import Listening
from tests.smtp.conftest import BODY, HEAD, SANDBOX, envelope, impatient, yes
from tests.smtp.hostile import Line, Peer


class Socks5(Listening):
    """RFC 1928 and 1929, as much as a proxy for egress needs. `asked` are (address type, address, port)."""

    def __init__(self, login: tuple[bytes, bytes] | None = None, refuse: int = 0, silent: bool = False) -> None:
        super().__init__()
        self.asked: list[tuple[int, str, int]] = []
        self._login, self._refuse, self._silent = login, refuse, silent

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, struct.error, IndexError, ValueError):
            if self._silent:
                while sock.recv(1024):
                    pass
                return
            methods = sock.recv(2)[1]
            offered = sock.recv(methods)
            wanted = 2 if self._login else 0
            sock.sendall(bytes([5, wanted if wanted in offered else 0xFF]))
            if self._login:
                _, length = sock.recv(2)
                user = sock.recv(length)
                password = sock.recv(sock.recv(1)[0])
                sock.sendall(bytes([1, 0 if (user, password) == self._login else 1]))
            _, _, _, kind = sock.recv(4)
            raw = sock.recv(4 if kind == 1 else 16 if kind == 4 else sock.recv(1)[0])
            address = socket.inet_ntop(socket.AF_INET6 if kind == 4 else socket.AF_INET, raw) if kind != 3 else raw.decode()
            (port,) = struct.unpack("!H", sock.recv(2))
            self.asked.append((kind, address, port))
            if self._refuse:
                sock.sendall(bytes([5, self._refuse, 0, 1]) + bytes(6))
                return
            far = socket.create_connection((address, port), timeout=10)
            self._open.append(far)
            sock.sendall(bytes([5, 0, 0, 1]) + bytes(6))
            threading.Thread(target=_pump, args=(far, sock), daemon=True).start()
            _pump(sock, far)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


async def open_by(proxy: str, port: int, *, tls: TlsMode = TlsMode.NONE, contexts: TlsContexts | None = None, policy: AddressPolicy = SANDBOX) -> Session:
    target = Target("peer.test", "127.0.0.1", port, tls)
    return await connect(target, Source("203.0.113.7", "out.test", proxy), impatient("connect"), contexts or TlsContexts(), policy)


def test_a_message_goes_through_it_encrypted_and_it_is_told_no_name(run, secrets) -> None:
    def script(line: Line) -> None:
        line.greet("STARTTLS")
        line.secure()
        line.hello()
        line.accept()
        line.stall()

    async def talk() -> None:
        session = await open_by(f"127.0.0.1:{proxy.port}", peer.port, tls=TlsMode.VERIFIED, contexts=TlsContexts(secrets.ca_file))
        assert (await session.send(envelope(), HEAD, BODY, yes)).accepted
        session.abort()

    with Socks5() as proxy, Peer(script, context=secrets.server) as peer:
        run(talk())
    assert proxy.asked == [(1, "127.0.0.1", peer.port)]  # an IPv4 address: the proxy has nothing to resolve
    assert peer.messages == [HEAD + BODY] and peer.errors == []


def test_it_is_logged_into(run) -> None:
    async def talk(login: str) -> Session:
        return await open_by(f"{login}@127.0.0.1:{proxy.port}", peer.port)

    with Socks5(login=(b"ann", b"s3cr:t")) as proxy, Peer(lambda line: (line.greet(), line.stall())) as peer:
        run(talk("ann:s3cr%3At"))
        with pytest.raises(ConnectFailure) as caught:
            run(talk("ann:wrong"))
    assert (caught.value.phase, caught.value.failure) == (Phase.CONNECT, Failure.UNREACHABLE)
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "failure"), [(1, Failure.UNREACHABLE), (2, Failure.UNREACHABLE), (4, Failure.UNREACHABLE), (5, Failure.REFUSED), (6, Failure.TIMEOUT)]
)
def test_what_failed_beyond_it_is_told(run, code: int, failure: Failure) -> None:
    async def talk() -> None:
        with pytest.raises(ConnectFailure) as caught:
            await open_by(f"127.0.0.1:{proxy.port}", 25)
        assert (caught.value.phase, caught.value.failure) == (Phase.CONNECT, failure)

    with Socks5(refuse=code) as proxy:
        run(talk())


def test_a_proxy_that_is_gone_or_silent_is_a_path_of_ours(run) -> None:
    async def talk(address: str, failure: Failure) -> None:
        with pytest.raises(ConnectFailure) as caught:
            await open_by(address, 25)
        assert (caught.value.phase, caught.value.failure) == (Phase.CONNECT, failure)

    with Socks5(silent=True) as proxy:
        run(talk(f"127.0.0.1:{proxy.port}", Failure.TIMEOUT))
    run(talk(f"127.0.0.1:{proxy.port}", Failure.UNREACHABLE))
    run(talk("no port", Failure.UNREACHABLE))


def test_neither_the_proxy_nor_the_target_leaves_the_sandbox(run) -> None:
    async def talk(proxy: str, address: str) -> None:
        with pytest.raises(ConnectFailure) as caught:
            await connect(Target("mx.test", address, 25, TlsMode.REQUIRED), Source(None, "out.test", proxy), impatient("connect"), TlsContexts(), SANDBOX)
        assert caught.value.failure is Failure.ADDRESS_REFUSED

    with Socks5() as proxy:
        run(talk("192.0.2.1:1080", "127.0.0.1"))
        run(talk("proxy.example:1080", "127.0.0.1"))
        run(talk(f"127.0.0.1:{proxy.port}", "192.0.2.1"))
        assert proxy.asked == []
