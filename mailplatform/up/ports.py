"""Which ports this installation uses: the web server's is told, the sandbox's are found free once and kept.

Owns: DATA/ports.json; for as long as this process lives, a claim on each port of the sandbox (a socket without a file, named for the port), so that of two
starts in the same second one goes elsewhere. Never: takes a port that somebody listens on, or has claimed.
"""

import ipaddress
import json
import random
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from mailplatform.up.options import Options, Refused

_claims: dict[int, socket.socket] = {}
_FIRST_CHOICE = {"dns": 5300, "smtp": 2525, "inbox": 8025, "https": 8443, "returns": 2526, "submission": 2587, "submission_tls": 2465}


@dataclass(frozen=True, slots=True)
class Ports:
    """The sandbox's: its DNS server, all of its mail servers, its inbox, its MTA-STS policies; where what they send back is taken; and where tenants' programs
    send mail in."""

    dns: int
    smtp: int
    inbox: int
    https: int
    returns: int
    submission: int = 0
    submission_tls: int = 0


def claim_web_port(host: str, port: int, option: str = "--port") -> None:
    """Refuse in one sentence where the web server (or whose option it is) could not listen."""
    try:
        _listen(host, port, socket.SOCK_STREAM)
    except PermissionError:
        raise Refused(f"Port {port} is only for root: start bin/up with {option} {port + 8000 if port < 57536 else 8000}.") from None
    except OSError as error:
        if is_free(host, 0):
            other = _next_free(host, port + 1)
            raise Refused(f"Port {port} on {host} is taken{_by_whom(port)}: start bin/up with {option} {other}, or end what uses it.") from None
        raise Refused(f"{host} is not an address of this machine ({error.strerror}): choose another --host.") from None


def sandbox_ports(data: Path) -> Ports:
    """The ports of the last start where they are still free, others where not."""
    file = data / "ports.json"
    try:
        before = json.loads(file.read_text())
    except (OSError, ValueError):
        before = {}
    chosen: dict[str, int] = {}
    for name, first in _FIRST_CHOICE.items():
        kept = before.get(name)
        chosen[name] = kept if isinstance(kept, int) and kept not in chosen.values() and _claimed(kept) else _free_everywhere(first, set(chosen.values()))
    ports = Ports(**chosen)
    file.write_text(json.dumps(asdict(ports)))
    return ports


def submission_places(options: Options, ports: Ports | None) -> dict[str, str]:
    """ADDRESS:PORT by setting. Asked for: as asked, or Refused. In the sandbox: its free ones. Else the usual ones, where this user may and nobody does."""
    asked = {
        "SUBMISSION": (options.submission_port, ports.submission if ports else 587, "--submission-port"),
        "SUBMISSION_TLS": (options.submission_tls_port, ports.submission_tls if ports else 465, "--submission-tls-port"),
    }
    places = {}
    for name, (port, usual, option) in asked.items():
        if port:
            claim_web_port(options.host, port, option)
        elif port is None and (ports or is_free(options.host, usual)):
            port = usual
        host = f"[{options.host}]" if ":" in options.host else options.host
        places[name] = f"{host}:{port}" if port else ""
    return places


def is_free(host: str, port: int, kind: int = socket.SOCK_STREAM) -> bool:
    try:
        _listen(host, port, kind)
    except OSError:
        return False
    return True


def _listen(host: str, port: int, kind: int) -> None:
    family = socket.AF_INET6 if host != "localhost" and ipaddress.ip_address(host).version == 6 else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            # As servers do: connections of an earlier start that linger in TIME_WAIT do not count, listeners do.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        if kind == socket.SOCK_STREAM:
            probe.listen(1)


def _all_free(port: int) -> bool:
    """On every address, because the sandbox's mail servers have many; UDP too, for its DNS."""
    return is_free("0.0.0.0", port) and is_free("0.0.0.0", port, socket.SOCK_DGRAM)  # noqa: S104


def _next_free(host: str, port: int) -> int:
    return next(candidate for candidate in range(port, 65536) if is_free(host, candidate))


def _free_everywhere(first: int, taken: set[int]) -> int:
    """The first choice, or any."""
    if first not in taken and _claimed(first):
        return first
    below_ephemeral = random.sample(range(20_000, 32_000), 1000)
    return next(candidate for candidate in below_ephemeral if candidate not in taken and _claimed(candidate))


def _claimed(port: int) -> bool:
    """Whether nobody has it and it is now ours: between our look at a port and our server's listening, another start may look as well."""
    if port in _claims:
        return _all_free(port)
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0mailplatform-port-{port}")  # unix(7), abstract: one a network namespace, as ports are, and gone with the process
    except OSError:
        claim.close()
        return False
    if not _all_free(port):
        claim.close()
        return False
    _claims[port] = claim
    return True


def _by_whom(port: int) -> str:
    """' by NAME (process N)', where this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return ""
