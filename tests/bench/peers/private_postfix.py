"""Debian's Postfix with a configuration, queue and data folder of its own, and its own postlogd; what it does is for who inherits.

Needs root, as Postfix does. Never: touches /etc/postfix or a Postfix that runs already, asks DNS.
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
from typing import Self

import psutil

from tests.bench.peers.sink import free_port, program
from tests.bench.peers.usage import Groups, tree

START_S, STOP_S = 20.0, 5.0
DAEMONS = Path("/usr/lib/postfix/sbin")
QUEUES = ("maildrop", "incoming", "active", "deferred")


def why_none() -> str:
    """Why there is no Postfix here; empty when there is."""
    if program("postfix") is None or not DAEMONS.exists():
        return "Postfix cannot be found (bin/test installs it as root, where apt-get works)."
    return "" if os.geteuid() == 0 else "Postfix starts as root only."


class PrivatePostfix:
    """`with …:` it takes mail at `address`, host:port, until the block ends."""

    host = "127.0.0.12"

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mp-postfix-"))
        self.port = free_port(self.host)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def __enter__(self) -> Self:
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

    def groups(self) -> Groups:
        assert self._process is not None
        return {"postfix": tree(self._process.pid)}

    def is_idle(self) -> bool:
        """Its queue is empty: a delivered message's file is gone."""
        return not any(file for queue in QUEUES for _, _, files in os.walk(self._folder / "spool" / queue) for file in files)

    def log(self) -> str:
        """The end of what it wrote."""
        logs = (self._folder / "start.log", self._folder / "mail.log")
        return "".join(log.read_text(errors="replace")[-3000:] for log in logs if log.exists())

    def _own(self) -> dict[str, str]:
        """Its settings beside COMMON."""
        folder = self._folder
        return {
            "queue_directory": f"{folder}/spool",
            "data_directory": f"{folder}/data",
            "maillog_file": f"{folder}/mail.log",
            "maillog_file_prefixes": str(folder),
        }

    def _configure(self) -> None:
        self._folder.chmod(0o755)  # its daemons are another user's
        for name in ("etc", "spool", "data"):
            (self._folder / name).mkdir()
        owner = pwd.getpwnam("postfix")
        os.chown(self._folder / "data", owner.pw_uid, owner.pw_gid)
        main = {**COMMON, **self._own()}
        (self._folder / "etc" / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in main.items()))
        (self._folder / "etc" / "master.cf").write_text(f"{self.address} inet n - n - - smtpd\n{SERVICES}")

    def _start(self) -> None:
        command = (program("postfix") or "", "-c", str(self._folder / "etc"))
        checked = subprocess.run((*command, "check"), capture_output=True, text=True, timeout=60)
        assert checked.returncode == 0, f"Postfix refuses its configuration: {checked.stderr}{self.log()}"
        with (self._folder / "start.log").open("wb") as log:
            self._process = subprocess.Popen((*command, "start-fg"), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_S
        while not greets(self.host, self.port):
            assert self._process.poll() is None and time.monotonic() < deadline, f"Postfix does not start: {self.log()}"
            time.sleep(0.05)


def greets(host: str, port: int) -> bool:
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
