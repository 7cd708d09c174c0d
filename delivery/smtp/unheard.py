"""Unheard: whether what we wrote reaches the other end at all, by the kernel's own account of a connection (tcp(7), TCP_INFO).

A server that thinks for long still acknowledges what it is sent, for its kernel does; behind a cable that was cut, or from an address whose packets
vanish, nothing is acknowledged, and the kernel sends it again: after 0.2 s at the soonest, then after twice as long each time (RFC 6298 §5.5). So this
says nothing about the server, and all about the way. Through a proxy it is the way to the proxy.
"""

import contextlib
import socket

_STATE, _RETRANSMITS, _LENGTH = 0, 2, 8  # struct tcp_info begins with eight bytes (linux/tcp.h)
_ESTABLISHED = 1
MANY = 3  # 1.4 s at the soonest


def is_unheard(descriptor: int) -> bool:
    """Whether the same bytes were sent MANY times again, and nothing was acknowledged since."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        line = socket.socket(fileno=descriptor)
        try:
            info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LENGTH)
        finally:
            line.detach()
        return info[_STATE] == _ESTABLISHED and info[_RETRANSMITS] >= MANY
    return False
