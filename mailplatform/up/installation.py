"""What makes this installation itself: its data folder, its secrets, the environment that all its processes share.

Owns: DATA/secrets.env (SECRET_KEY, ENCRYPTION_KEYS, METRICS_TOKEN; made once, mode 0600), DATA/environment.env (what
`bin/manage` needs to join in), DATA/machine (this folder's number among the platform's machines), DATA/up.lock (one bin/up a folder).
Never: a default secret, a secret in a command line.
"""

import base64
import fcntl
import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import psutil

from mailplatform.shell.private_file import write_private
from mailplatform.up.options import Options, Refused
from mailplatform.up.ports import Ports

SECRETS = ("SECRET_KEY", "ENCRYPTION_KEYS", "METRICS_TOKEN")
MARK = "MAILPLATFORM_INSTALLATION"  # in every process's environment: whose it is (survivors.py)


class Installation:
    """A data folder and what stands in it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.logs = data / "log"
        self.demo = data / "demo.json"
        self._lock: int | None = None

    def open(self) -> None:
        """Make the folder (for this user alone) where there is none, and be the only bin/up in it."""
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.logs, self.data / "sandbox", self.data / "journal"):
                folder.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(self.data / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Refused(f"{error.filename or self.data} cannot be written to ({error.strerror}): choose a folder of your own with --data.") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._lock, 20, 0).decode().strip()
            who = f" (process {holder})" if holder else ""
            raise Refused(f"bin/up already runs in {self.data}{who}: end it first, or choose another folder with --data.") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def secrets(self) -> dict[str, str]:
        """The installation's secrets, made when there are none yet; what the environment sets goes first."""
        file = self.data / "secrets.env"
        if not file.exists():
            write_private(
                file,
                lines(
                    {
                        "SECRET_KEY": secrets.token_urlsafe(50),
                        "ENCRYPTION_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
                        "METRICS_TOKEN": secrets.token_urlsafe(32),
                    }
                ),
            )
        return {name: os.environ.get(name) or value for name, value in read_lines(file).items()}

    def number(self) -> str:
        """What tells this machine from the platform's others, made once."""
        file = self.data / "machine"
        if not file.exists():
            write_private(file, str(uuid4()))
        return file.read_text().strip()

    def mark(self) -> dict[str, str]:
        return {MARK: str(self.data.resolve())}

    def remember(self, environment: dict[str, str]) -> None:
        """What `bin/manage` takes over; secrets stay in their own file."""
        kept = {name: value for name, value in environment.items() if name not in self.secrets() and name != MARK}
        write_private(self.data / "environment.env", lines(kept))


def environment(
    options: Options,
    installation: Installation,
    database_url: str,
    ports: Ports | None,
    places: dict[str, str] | None = None,
    shared: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """What all processes are told, by setting name; everything that is set outside goes first, but for what this start decides.

    `ports`: of this machine's own simulated internet. `shared`: of a machine that joined, what is the same on all.
    """
    decided = {
        "DATA_DIR": str(installation.data),
        "DATABASE_URL": database_url,
        "MAIL_MODE": options.mode,
        "DEMO_TRAFFIC": "yes" if options.demo_traffic else "no",
        **installation.secrets(),
    }
    proposed = {"PUBLIC_URL": options.public_url, "ALLOWED_HOSTS": ",".join(allowed_hosts(options)), **(places or {}), **(shared or {})}
    if ports:
        decided |= {
            "RESOLVER": f"127.0.0.1:{ports.dns}",
            "DANE_RESOLVER": f"127.0.0.1:{ports.dns}",
            "SMTP_PORT": str(ports.smtp),
            "MTA_STS_PORT": str(ports.https),
            "EXTRA_CA_FILE": str(installation.data / "sandbox" / "ca.pem"),
            "INCOMING": f"127.0.0.1:{ports.returns}",
            "SANDBOX_URL": f"http://127.0.0.1:{ports.inbox}",
        }
    return {**{name: os.environ.get(name) or value for name, value in proposed.items()}, **decided}


def allowed_hosts(options: Options) -> list[str]:
    """The names under which a browser may call the web server."""
    names = ["127.0.0.1", "localhost", "[::1]"]
    if not options.is_loopback:
        names += [socket.gethostname(), socket.getfqdn()]
        for addresses in psutil.net_if_addrs().values():
            names += [a.address for a in addresses if a.family == socket.AF_INET]
            names += [f"[{a.address.partition('%')[0]}]" for a in addresses if a.family == socket.AF_INET6]
    return list(dict.fromkeys(names))


def lines(values: dict[str, str]) -> str:
    for name, value in values.items():
        if "\n" in value:
            raise Refused(f"{name} has a line break in it: give it in one line.")
    return "".join(f"{name}={value}\n" for name, value in values.items())


def read_lines(file: Path) -> dict[str, str]:
    """What `lines` wrote."""
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)

