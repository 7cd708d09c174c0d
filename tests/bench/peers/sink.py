"""Where all mail ends: one sink for everybody who is measured, counted as it arrives.

Postfix's `smtp-sink` where it is installed, else a small one of our own (`plain_sink`), which says so in its name. With TLS stands stunnel
before it, as smtp-sink knows none; the small one does its own. The count is the sink's own number of messages that ended with a
dot, read from what it prints. Never: part of the CPU that is reported.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.peers.certificate import write_certificate

SINK_ADDRESS, STUNNEL_ADDRESS = "127.0.0.10", "127.0.0.11"
MOST_CONNECTIONS = 1_000
BACKLOG = 1_000
START_S = 10.0
TAIL_BYTES = 100


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a sender connects to."""

    host: str
    port: int
    tls: bool


class Sink:
    """`clear` and `secured` lead to the same counter."""

    def __init__(self, folder: Path, own: bool = False) -> None:
        self._folder = folder
        self._own = own or program("smtp-sink") is None or program("stunnel4") is None
        self._counts = folder / "sink.counts"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._file = -1
        self.name = "a small one of our own" if self._own else "smtp-sink"
        self.clear = Endpoint(SINK_ADDRESS, free_port(SINK_ADDRESS), False)
        self.secured = Endpoint(STUNNEL_ADDRESS, free_port(STUNNEL_ADDRESS), True)

    def start(self) -> None:
        certificate = write_certificate(self._folder / "sink.pem")
        with self._counts.open("wb") as out:
            self._run(*(self._own_command(certificate) if self._own else self._smtp_sink()), stdout=out.fileno())
        if not self._own:
            self._run(*self._stunnel(certificate))
        for endpoint in (self.clear, self.secured):
            _until_listening(endpoint)
        self._file = os.open(self._counts, os.O_RDONLY)

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def count(self) -> int:
        """Messages so far."""
        return self._last("mesg")

    def sessions(self) -> int:
        """Connections so far that have ended; how well a sender reuses them."""
        return self._last("sess")

    def _last(self, name: str) -> int:
        """smtp-sink writes `sess=1 quit=1 mesg=20` and a carriage return at every change."""
        size = os.fstat(self._file).st_size
        tail = os.pread(self._file, TAIL_BYTES, max(0, size - TAIL_BYTES))
        whole = tail[: tail.rfind(b"\r")].rpartition(b"\r")[2] if b"\r" in tail else b""
        return next((int(pair.partition(b"=")[2]) for pair in whole.split() if pair.startswith(name.encode() + b"=")), 0)

    def _run(self, *command: str, stdout: int = subprocess.DEVNULL) -> None:
        with (self._folder / "sink.log").open("ab") as log:
            self._processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log, cwd=self._folder, start_new_session=True))

    def _smtp_sink(self) -> tuple[str, ...]:
        as_nobody = ("-u", "nobody") if os.geteuid() == 0 else ()
        return (program("smtp-sink") or "", "-c", *as_nobody, "-m", str(MOST_CONNECTIONS), f"{self.clear.host}:{self.clear.port}", str(BACKLOG))

    def _stunnel(self, certificate: Path) -> tuple[str, ...]:
        configuration = self._folder / "stunnel.conf"
        configuration.write_text(
            "foreground = yes\npid =\nsyslog = no\ndebug = err\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n[sink]\n"
            f"accept = {self.secured.host}:{self.secured.port}\nconnect = {self.clear.host}:{self.clear.port}\ncert = {certificate}\nprotocol = smtp\n"
        )
        return program("stunnel4") or "", str(configuration)

    def _own_command(self, certificate: Path) -> tuple[str, ...]:
        ends = [f"{end.host}:{end.port}" for end in (self.clear, self.secured)]
        return sys.executable, str(Path(__file__).with_name("plain_sink.py")), *ends, str(certificate)


def program(name: str) -> str | None:
    """Where it is; system folders are not on every user's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/lib/postfix/sbin")


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _until_listening(endpoint: Endpoint) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            with socket.create_connection((endpoint.host, endpoint.port), 2) as connection:
                assert connection.recv(512).startswith(b"220")
            return
        except OSError:
            assert time.monotonic() < deadline, f"nothing answers on {endpoint.host}:{endpoint.port}"
            time.sleep(0.02)
