"""A real BIND 9 (Debian's bind9) on loopback, with a zone that takes signed updates, and secondaries that follow it."""

import base64
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.update

ZONE, KEY = "example.test", "mailplatform"
PROGRAM = shutil.which("named", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
PATIENCE_S = 30.0

_OPTIONS = """
options {{
  directory "{folder}"; listen-on port {port} {{ {address}; }}; listen-on-v6 {{ none; }}; pid-file "{folder}/pid"; session-keyfile none; recursion no;
  dnssec-validation no; notify explicit; {notify} allow-transfer {{ any; }}; max-journal-size 1m; notify-delay 0; serial-query-rate 1000;
  min-refresh-time 1; min-retry-time 1; empty-zones-enable no;
}};
controls {{}};
logging {{ channel out {{ file "{folder}/log"; severity info; }}; category default {{ out; }}; }};
key "{key}" {{ algorithm hmac-sha256; secret "{secret}"; }};
"""
_PRIMARY = 'zone "{zone}" {{ type primary; file "{folder}/zone.db"; update-policy {{ grant {key} zonesub ANY; }}; }};\n'
_SECONDARY = 'zone "{zone}" {{ type secondary; file "{folder}/zone.db"; primaries {{ {primary} port {port}; }}; masterfile-format text; }};\n'
_ZONE_FILE = "$TTL 30\n@ IN SOA ns1 hostmaster 1 5 1 86400 5\n@ IN NS ns1\nns1 IN A 127.0.0.1\n"


class Named:
    """`with Named() as primary:`. It tells `secondaries` (ports of this address; named listens on addresses of interfaces only) of every change."""

    def __init__(self, of: "Named | None" = None, port: int = 0, secondaries: tuple[int, ...] = ()) -> None:
        self.address, self.of, self.secondaries = "127.0.0.1", of, secondaries
        self.port = port or free_port()
        self.secret: str = of.secret if of else base64.b64encode(secrets.token_bytes(32)).decode()
        self.folder = Path(tempfile.mkdtemp(prefix="mp-named-"))

    def __enter__(self) -> Self:
        notify = f"also-notify {{ {' '.join(f'{self.address} port {one};' for one in self.secondaries)} }};" if self.secondaries else ""
        words = {"folder": self.folder, "port": self.port, "address": self.address, "key": KEY, "secret": self.secret, "zone": ZONE, "notify": notify}
        zone = _SECONDARY.format(**words | {"primary": self.of.address, "port": self.of.port}) if self.of else _PRIMARY.format(**words)
        (self.folder / "named.conf").write_text(_OPTIONS.format(**words) + zone)
        if not self.of:
            (self.folder / "zone.db").write_text(_ZONE_FILE)
        self.start()
        return self

    def start(self) -> None:
        assert PROGRAM
        self.process = subprocess.Popen([PROGRAM, "-f", "-n", "1", "-c", str(self.folder / "named.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self.process.poll() is None, (self.process.stderr.read() if self.process.stderr else b"").decode() + (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "named does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            return self._ask(ZONE, "SOA", 0.5).rcode() == dns.rcode.NOERROR
        except (dns.exception.DNSException, OSError):
            return False

    def _ask(self, name: str, kind: str, timeout_s: float) -> dns.message.Message:
        return dns.query.udp(dns.message.make_query(name, kind), self.address, port=self.port, timeout=timeout_s)

    def says(self, name: str, kind: str = "A") -> set[str]:
        """What it answers now."""
        return {rdata.to_text() for rrset in self._ask(name, kind, 5.0).answer for rdata in rrset}

    def edit(self, name: str, kind: str, *values: str, ttl_s: int = 30) -> None:
        """As a stranger who has the key would, with a tool of their own; no value deletes the set."""
        key = dns.tsig.Key(KEY, self.secret, "hmac-sha256")
        message = dns.update.UpdateMessage(ZONE)
        message.use_tsig({key.name: key}, key.name, algorithm=key.algorithm)
        message.delete(f"{name}.", kind)
        for value in values:
            message.add(f"{name}.", ttl_s, kind, value)
        assert dns.query.tcp(message, self.address, port=self.port, timeout=5).rcode() == dns.rcode.NOERROR


def free_port() -> int:
    """Free for TCP and UDP on every loopback address that the tests use."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("0.0.0.0", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
