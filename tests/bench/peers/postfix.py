"""Postfix at its best: Debian's package with a configuration, queue and data folder of its own, driven by its own smtp-source.

Everything goes to the sink by `relayhost`, nothing is looked up in DNS, nothing is throttled; it logs with its own postlogd.
`Setting` is what its operator would tune for one such destination: how many deliveries at once, and over TLS whether connections are kept
(tlsproxy) or only sessions are remembered (Debian's default). Needs root, as Postfix does. Never: touches /etc/postfix or a
Postfix that runs already.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.peers.measure import Run, measure
from tests.bench.peers.side_by_side import side_by_side
from tests.bench.peers.sink import Endpoint, Sink, free_port, program
from tests.bench.peers.usage import Groups, tree

ADDRESS = "127.0.0.12"
SESSIONS = 20
SIZE_BYTES = 5_120
WARM_UP = 500
START_S, STOP_S = 20.0, 5.0
DAEMONS = Path("/usr/lib/postfix/sbin")
QUEUES = ("maildrop", "incoming", "active", "deferred")


@dataclass(frozen=True, slots=True)
class Setting:
    """What is tried; the better one counts."""

    concurrent: int
    reuse: bool = False  # of connections over TLS; in the clear Postfix always keeps them under load

    def told(self, tls: bool) -> str:
        return f"{self.concurrent} at once" + ((", connections kept" if self.reuse else ", a handshake each") if tls else "")


CLEAR = (Setting(20), Setting(100))
SECURED = (Setting(20, True), Setting(20), Setting(100, True), Setting(100))


def why_not() -> str:
    """Why Postfix cannot be measured here, in one sentence; empty when it can."""
    missing = [name for name in ("postfix", "smtp-source", "smtp-sink", "stunnel4") if program(name) is None]
    if missing:
        return f"Postfix is left out: {', '.join(missing)} cannot be found (bin/bench installs postfix and stunnel4 as root, where apt-get works)."
    return "" if os.geteuid() == 0 else "Postfix is left out: it starts as root only."


class Postfix:
    def __init__(self, setting: Setting, to: Endpoint) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mp-postfix-"))
        self._setting, self._to = setting, to
        self._port = free_port(ADDRESS)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Postfix":
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
            for each in everything:  # its queue is empty, or nobody needs it any more
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.terminate()
            for late in psutil.wait_procs(everything, STOP_S)[1]:
                late.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, sink: Sink, count: int, domains: int) -> Run:
        warm_up, before = max(WARM_UP, domains), sink.count()
        self._inject(warm_up, domains)
        deadline = time.monotonic() + 60
        while sink.count() < before + warm_up or not self.is_idle():
            assert time.monotonic() < deadline, f"Postfix delivered {sink.count() - before} of {warm_up} messages: {self._log()}"
            time.sleep(0.05)
        done = measure(self, sink, count, lambda: self._inject(count, domains))
        assert done.doubled == 0, f"{done.doubled} of {count:,} went twice"
        return done

    def groups(self) -> Groups:
        assert self._process is not None
        return {"postfix": tree(self._process.pid)}

    def is_idle(self) -> bool:
        """Its queue is empty: a delivered message's file is gone."""
        return not any(file for queue in QUEUES for _, _, files in os.walk(self._folder / "spool" / queue) for file in files)

    # -- its operator -------------------------------------------------------------------------------------------------

    def _configure(self) -> None:
        self._folder.chmod(0o755)  # its daemons are another user's
        for name in ("etc", "spool", "data"):
            (self._folder / name).mkdir()
        owner = pwd.getpwnam("postfix")
        os.chown(self._folder / "data", owner.pw_uid, owner.pw_gid)
        main = {**COMMON, **self._own()}
        (self._folder / "etc" / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in main.items()))
        (self._folder / "etc" / "master.cf").write_text(f"{ADDRESS}:{self._port} inet n - n - - smtpd\n{SERVICES}")

    def _own(self) -> dict[str, str]:
        folder, at_once = self._folder, str(self._setting.concurrent)
        return {
            "queue_directory": f"{folder}/spool",
            "data_directory": f"{folder}/data",
            "maillog_file": f"{folder}/mail.log",
            "maillog_file_prefixes": str(folder),
            "relayhost": f"[{self._to.host}]:{self._to.port}",
            "smtp_connection_cache_destinations": f"{self._to.host}, [{self._to.host}]:{self._to.port}",
            "default_destination_concurrency_limit": at_once,
            "smtp_destination_concurrency_limit": at_once,
            "smtp_tls_security_level": "encrypt" if self._to.tls else "none",
            "smtp_tls_connection_reuse": "yes" if self._to.tls and self._setting.reuse else "no",
        }

    def _start(self) -> None:
        command = (program("postfix") or "", "-c", str(self._folder / "etc"))
        checked = subprocess.run((*command, "check"), capture_output=True, text=True, timeout=60)
        assert checked.returncode == 0, f"Postfix refuses its configuration: {checked.stderr}{self._log()}"
        with (self._folder / "start.log").open("wb") as log:
            self._process = subprocess.Popen((*command, "start-fg"), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_S
        while not _greets(ADDRESS, self._port):
            assert self._process.poll() is None and time.monotonic() < deadline, f"Postfix does not start: {self._log()}"
            time.sleep(0.05)

    def _log(self) -> str:
        logs = (self._folder / "start.log", self._folder / "mail.log")
        return "".join(log.read_text(errors="replace")[-2000:] for log in logs if log.exists())

    # -- its tenant -----------------------------------------------------------------------------------------------------

    def _inject(self, count: int, domains: int) -> None:
        """Twenty sessions: of one smtp-source, or of ten that each go through their share of the domains."""
        if domains == 1:
            return self._source(SESSIONS, count, "to-0.example")
        lanes = min(SESSIONS // 2, domains)

        def lane(number: int, _: object) -> None:
            for domain in range(number, domains, lanes):
                self._source(SESSIONS // lanes, count // domains + (domain < count % domains), f"to-{domain}.example")

        side_by_side(lane, lanes)

    def _source(self, sessions: int, count: int, domain: str) -> None:
        """-d keeps the connection for many messages, -N gives every recipient a number."""
        numbers = ("-s", str(min(sessions, count)), "-l", str(SIZE_BYTES), "-m", str(count))
        command = (program("smtp-source") or "", "-d", "-N", *numbers, "-f", "hello@harbourbank.example", "-t", f"user@{domain}", f"{ADDRESS}:{self._port}")
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"smtp-source: {done.stderr[-500:]}{self._log()}"


def _greets(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), 2) as connection:
            return connection.recv(512).startswith(b"220")
    except OSError:
        return False


COMMON = {
    "compatibility_level": "3.6",
    "command_directory": "/usr/sbin",
    "daemon_directory": str(DAEMONS),
    "myhostname": "peer.example",
    "mydestination": "",
    "mynetworks": "127.0.0.0/8",
    "smtpd_relay_restrictions": "permit_mynetworks, reject",
    "inet_protocols": "ipv4",
    "alias_maps": "",
    "alias_database": "",
    "local_recipient_maps": "",
    "disable_dns_lookups": "yes",
    "default_process_limit": "100",
    "initial_destination_concurrency": "20",
    "smtp_connection_cache_on_demand": "yes",
    "smtpd_client_connection_count_limit": "0",
    "smtpd_client_connection_rate_limit": "0",
    "smtpd_peername_lookup": "no",
    "in_flow_delay": "0",
    "qmgr_message_active_limit": "20000",
    "smtp_tls_session_cache_database": "btree:${data_directory}/smtp_scache",  # as Debian's default configuration has it
}
SERVICES = """\
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
tlsproxy  unix  -       -       n       -       0       tlsproxy
postlog   unix-dgram n  -       n       -       1       postlogd
"""
