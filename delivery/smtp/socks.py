"""Egress through a SOCKS5 proxy (RFC 1928): a connected socket whose far end is the proxy's to open.

Promises: the proxy is told an address and never a name, the very one that the policy was asked about; the sandbox's proxies are on
loopback. What the proxy says failed beyond it is told as if we had met it; a proxy that cannot be used is `unreachable`: a path of ours.
Never: logs or shows a login.
"""

import errno
import socket
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
from python_socks.async_.asyncio import Proxy

from delivery.smtp.failure import ConnectFailure
from delivery.smtp.target import Target
from delivery.smtp.wire import Failure, Phase
from mailplatform.shell.addresses import AddressPolicy

# RFC 1928 §6
_BEYOND = {2: Failure.UNREACHABLE, 3: Failure.UNREACHABLE, 4: Failure.UNREACHABLE, 5: Failure.REFUSED, 6: Failure.TIMEOUT}


async def dial_through(proxy: str, target: Target, timeout_s: float, policy: AddressPolicy) -> socket.socket:
    """`proxy` is `host:port` or `user:password@host:port`."""
    host, port, user, password = _parts(proxy)
    if policy.mode == "sandbox" and not _is_loopback(host):
        raise ConnectFailure(Phase.CONNECT, Failure.ADDRESS_REFUSED, detail=f"proxy {host}: the sandbox connects to loopback only")
    where = f"{target.address} through the proxy {host}:{port}"
    try:
        sock = await Proxy(ProxyType.SOCKS5, host, port, user, password, rdns=False).connect(target.address, target.port, timeout=timeout_s)
    except ProxyTimeoutError as exc:
        raise ConnectFailure(Phase.CONNECT, Failure.TIMEOUT, detail=f"no answer from {where}") from exc
    except ProxyConnectionError as exc:
        raise ConnectFailure(Phase.CONNECT, Failure.UNREACHABLE, detail=f"the proxy {host}:{port} cannot be reached") from exc
    except ProxyError as exc:
        said = str(exc)[:200] or "it ended the connection"
        raise ConnectFailure(Phase.CONNECT, _BEYOND.get(exc.error_code or 0, Failure.UNREACHABLE), detail=f"{where}: {said}") from exc
    except (OSError, ValueError, AssertionError) as exc:  # AssertionError: it asks for a login that we have not
        kind = Failure.CUT if isinstance(exc, OSError) and exc.errno in (errno.ECONNRESET, errno.EPIPE) else Failure.UNREACHABLE
        raise ConnectFailure(Phase.CONNECT, kind, detail=f"{where}: {type(exc).__name__}") from exc
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _parts(proxy: str) -> tuple[str, int, str | None, str | None]:
    try:
        url = urlsplit(proxy if "://" in proxy else f"socks5://{proxy}")
        port, host = url.port, url.hostname
    except ValueError:
        port, host = None, None
    if not host or not port:
        raise ConnectFailure(Phase.CONNECT, Failure.UNREACHABLE, detail="the proxy is no host:port")
    return host, port, unquote(url.username) if url.username else None, unquote(url.password) if url.password else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
