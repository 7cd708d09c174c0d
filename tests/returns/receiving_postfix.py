"""Postfix as a provider: Debian's package with a configuration and queue of its own, which takes mail and then cannot deliver it.

It takes every recipient of its domains, then hands the message to a next hop that refuses it, or that is not there; its own bounce daemon writes
the report, its own client brings it back to the return path. Needs root, as Postfix does; touches no Postfix that runs already.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

from tests.bench.peers.postfix import COMMON, DAEMONS, SERVICES
from tests.bench.peers.sink import free_port, program
from tests.bench.peers.usage import tree

ADDRESS = "127.0.0.14"
START_S, STOP_S = 20.0, 5.0


def why_not() -> str:
    """Why there is no Postfix here; empty when there is."""
    if program("postfix") is None or not DAEMONS.exists():
        return "Postfix cannot be found (bin/test installs it as root, where apt-get works)."
    return "" if os.geteuid() == 0 else "Postfix starts as root only."


class ReceivingPostfix:
    """`next_hop`: host:port where recipients are known or not; `returns`: host:port that takes mail for `return_domain`."""

    def __init__(self, next_hop: str, returns: str, return_domain: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mp-receiving-"))
        self._next_hop, self._returns, self._return_domain = next_hop, returns, return_domain
        self.port = free_port(ADDRESS)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ReceivingPostfix":
        try:
            self._configure()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process is not None:
            everything = tree(self._process.pid)
            for each in everything:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.terminate()
            for late in psutil.wait_procs(everything, STOP_S)[1]:
                late.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def log(self) -> str:
        logs = (self._folder / "start.log", self._folder / "mail.log")
        return "".join(log.read_text(errors="replace")[-3000:] for log in logs if log.exists())

    def _configure(self) -> None:
        self._folder.chmod(0o755)  # its daemons are another user's
        for name in ("etc", "spool", "data"):
            (self._folder / name).mkdir()
        owner = pwd.getpwnam("postfix")
        os.chown(self._folder / "data", owner.pw_uid, owner.pw_gid)
        folder, etc = self._folder, self._folder / "etc"
        own = {
            "queue_directory": f"{folder}/spool",
            "data_directory": f"{folder}/data",
            "maillog_file": f"{folder}/mail.log",
            "maillog_file_prefixes": str(folder),
            "myhostname": "mx.postfix.example",
            "relay_domains": "postfix.example, gone.example, full.example",
            "transport_maps": f"inline:{{ {{postfix.example=smtp:{self._hop(self._next_hop)}}}, {{full.example=smtp:{self._hop(self._next_hop)}}},"
            f" {{gone.example=smtp:[127.0.0.1]:{free_port('127.0.0.1')}}}, {{{self._return_domain}=smtp:{self._hop(self._returns)}}} }}",
            "maximal_queue_lifetime": "0",  # tried once; reports have a lifetime of their own
            "minimal_backoff_time": "1s",
            "queue_run_delay": "2s",
            "smtp_tls_security_level": "may",
            "delay_warning_time": "0",
        }
        settings = {**COMMON, **own}
        (etc / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        (etc / "master.cf").write_text(f"{ADDRESS}:{self.port} inet n - n - - smtpd\n{SERVICES}")

    @staticmethod
    def _hop(address: str) -> str:
        host, _, port = address.rpartition(":")
        return f"[{host}]:{port}"

    def _start(self) -> None:
        command = (program("postfix") or "", "-c", str(self._folder / "etc"))
        checked = subprocess.run((*command, "check"), capture_output=True, text=True, timeout=60)
        assert checked.returncode == 0, f"Postfix refuses its configuration: {checked.stderr}{self.log()}"
        with (self._folder / "start.log").open("wb") as log:
            self._process = subprocess.Popen((*command, "start-fg"), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_S
        while not _greets(self.port):
            assert self._process.poll() is None and time.monotonic() < deadline, f"Postfix does not start: {self.log()}"
            time.sleep(0.05)


def _greets(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((ADDRESS, port), 2) as connection:
        return connection.recv(512).startswith(b"220")
    return False
