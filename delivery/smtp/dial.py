"""Dialling: a connected TCP socket from our source address, or through its proxy, to one resolved address.

Promises: connects to the very address that the policy was asked about; never resolves a name. Fails with `ConnectFailure` in
phase connect.
"""

import asyncio
import errno
import socket
from ipaddress import ip_address

from delivery.smtp.failure import ConnectFailure
from delivery.smtp.socks import dial_through
from delivery.smtp.target import Source, Target
from delivery.smtp.wire import Failure, Phase
from mailplatform.shell.addresses import AddressPolicy

# Linux: choose the port only at connect, so that one source address may have 64 k connections to each peer.
IP_BIND_ADDRESS_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)


async def dial(target: Target, source: Source, timeout_s: float, policy: AddressPolicy) -> socket.socket:
    if (why := policy.refusal(target.address)) is not None:
        raise ConnectFailure(Phase.CONNECT, Failure.ADDRESS_REFUSED, detail=f"{target.address}: {why}")
    if source.proxy:
        return await dial_through(source.proxy, target, timeout_s, policy)
    sock = _bound_socket(target, source)
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(sock, (target.address, target.port))
    except TimeoutError as exc:
        # The kernel's own ETIMEDOUT is a TimeoutError too.
        sock.close()
        raise ConnectFailure(Phase.CONNECT, Failure.TIMEOUT, detail=f"no answer from {target.address}") from exc
    except OSError as exc:
        sock.close()
        raise ConnectFailure(Phase.CONNECT, _kind(exc), detail=f"{target.address}: {exc.strerror or type(exc).__name__}") from exc
    except BaseException:
        sock.close()
        raise
    return sock


def _bound_socket(target: Target, source: Source) -> socket.socket:
    family = socket.AF_INET6 if ip_address(target.address).version == 6 else socket.AF_INET
    if source.address is not None and (ip_address(source.address).version == 6) != (family == socket.AF_INET6):
        raise ConnectFailure(Phase.CONNECT, Failure.UNREACHABLE, detail=f"{source.address} cannot reach {target.address}: other IP version")
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source.address is not None:
            if family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source.address, 0))
    except OSError as exc:
        sock.close()
        raise ConnectFailure(Phase.CONNECT, Failure.UNREACHABLE, detail=f"source address {source.address}: {exc.strerror}") from exc
    return sock


def _kind(exc: OSError) -> Failure:
    if exc.errno == errno.ECONNREFUSED:
        return Failure.REFUSED
    return Failure.CUT if exc.errno in (errno.ECONNRESET, errno.EPIPE) else Failure.UNREACHABLE
