"""A network of one's own, in which packets can be dropped: a network namespace that this process and all that it starts live in.

It ends with them, so there is nothing to clean up. Packets are dropped on its loopback by tc (htb, u32), silently, as behind a cable that was cut: no
answer, no error, established connections included. Needs root; `enter()` says why where it is refused.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterable

CLONE_NEWNET = 0x40000000  # sched.h
_SETUP = (
    "qdisc add dev lo root handle 1: htb default 1",
    "class add dev lo parent 1: classid 1:1 htb rate 100gbit ceil 100gbit burst 10m cburst 10m quantum 100000",
    "class add dev lo parent 1: classid 1:3 htb rate 8bit ceil 8bit burst 1 cburst 1 quantum 1000",
    # They wait here for ever: were they dropped in the act of sending, the kernel would know of it, and not take it for silence.
    "qdisc add dev lo parent 1:3 handle 30: bfifo limit 100000000",
)


def enter() -> str:
    """Move this process there; why not, or nothing. Before any thread is started: only this one and its children move."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        return f"network namespaces are refused here ({os.strerror(ctypes.get_errno())})"
    try:
        _run("ip", "link set lo up")
        for command in _SETUP:
            _run("tc", command)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"packets cannot be dropped here ({error})"
    return ""


def drop(sources: Iterable[str] = (), targets: Iterable[str] = (), target_ports: Iterable[int] = ()) -> None:
    """From now on packets from or to these addresses, or from and to these TCP ports of 127.0.0.1, are lost."""
    for side, addresses in (("src", sources), ("dst", targets)):
        for address in addresses:
            _filter(f"match ip {side} {address}/32")
            if side == "dst":
                _filter(f"match ip src {address}/32")
    for port in target_ports:
        _filter(f"match ip dport {port} 0xffff")
        _filter(f"match ip sport {port} 0xffff")


def heal() -> None:
    """Nothing is lost any more."""
    for command in ("filter del dev lo parent 1:", "qdisc del dev lo parent 1:3 handle 30:"):  # what has waited is lost
        subprocess.run(["tc", *command.split()], check=False, capture_output=True, env=_environment())
    _run("tc", _SETUP[-1])


def _filter(match: str) -> None:
    _run("tc", f"filter add dev lo parent 1: protocol ip prio 1 u32 {match} flowid 1:3")


def _run(program: str, words: str) -> None:
    subprocess.run([program, *words.split()], check=True, capture_output=True, env=_environment())


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
