"""What `bin/up` can be told. Owns the option names; refuses combinations that would expose people, in a sentence."""

import argparse
import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent.parent
PORT = 8000
REFUSED = 3  # exit status of a step that ends with such a sentence
_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,40}")  # as Django's slugs


class Refused(Exception):
    """It cannot start like this; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    host: str
    port: int
    data: Path
    demo_traffic: bool
    live: bool
    certificate: str = ""
    certificate_key: str = ""
    behind_proxy: bool = False
    submission_port: int | None = None  # None: what suits the mode
    submission_tls_port: int | None = None
    zone: str = ""  # whose nodes and watcher run on this machine; empty: every zone's
    incoming: str = ""  # where what comes back is taken; empty: nowhere, but in the sandbox
    join: str | None = None  # the running platform's database; "": as the environment or the join file says; None: a platform of its own
    node: str = ""  # the one node that this machine runs; with `join` it and its zone are made if they are not there
    secrets: Path | None = None  # a join file

    @property
    def mode(self) -> str:
        return "live" if self.live else "sandbox"

    @property
    def is_loopback(self) -> bool:
        return self.host == "localhost" or _address(self.host).is_loopback

    @property
    def public_url(self) -> str:
        """Where a browser finds it, unless PUBLIC_URL says otherwise."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "localhost") else self.host  # noqa: S104
        return f"{'https' if self.certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refused(f"{message[0].upper()}{message[1:]}: see bin/up --help.")


def read(arguments: list[str]) -> Options:
    """Options from the command line; certificate, key and proxy from the environment."""
    parser = _Parser(
        prog="bin/up",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Start the whole platform in the foreground: database, web server, engines, node agents, watchers and, "
        "unless it is live,\na simulated internet to send mail to. Ctrl-C stops all of it and keeps the data.",
        epilog="Settings come from the environment or .env: docs/configuration.md lists them all. With DATABASE_URL set, no embedded database starts.",
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="the address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--port", type=int, default=PORT, help=f"the web server's port (default: {PORT})")
    parser.add_argument("--data", type=Path, default=data_folder(), metavar="DIR", help="where everything is kept: database, secrets, logs (default: var/)")
    parser.add_argument("--no-demo", action="store_true", help="no demo traffic; demo tenants and DIR/demo.json are made all the same")
    parser.add_argument("--zone", default="", metavar="NAME", help="run this zone's nodes and watcher alone; other machines run the others'")
    parser.add_argument(
        "--join", nargs="?", const="", metavar="DATABASE_URL", help="add this machine to a platform that runs: its web server, engines, agent and watcher of "
        "--zone start against that platform's database (default: DATABASE_URL, or what the join file says). The data folder remembers it",
    )  # fmt: skip
    parser.add_argument("--secrets", type=Path, metavar="FILE", help="with --join: what `bin/manage join_file FILE` wrote on a machine that runs")
    parser.add_argument("--node", default="", metavar="NAME", help="with --join: run this node; it and its zone are made where they are not there yet")
    parser.add_argument(
        "--live",
        action="store_true",
        help="send to the real internet: real DNS, real mail servers on port 25, no simulated ones and no demo tenants. "
        "A data folder is live or sandbox for ever. Beyond this machine it answers HTTPS only: set TLS_CERTIFICATE and "
        "TLS_CERTIFICATE_KEY (PEM files), or BEHIND_PROXY=1 with a proxy that ends TLS on this machine",
    )
    for option, what in (("--submission-port", "with STARTTLS"), ("--submission-tls-port", "with TLS from the first byte")):
        usual = "587" if option == "--submission-port" else "465"
        parser.add_argument(
            option, type=int, metavar="N", help=f"where tenants' programs send mail in over SMTP, {what} (default: {usual}; sandbox: a free one; 0: nowhere)"
        )
    given = parser.parse_args(arguments)
    return check(
        Options(
            host=given.host,
            port=given.port,
            data=given.data.absolute(),
            demo_traffic=not given.no_demo and not given.live,
            live=given.live,
            zone=given.zone,
            join=given.join,
            node=given.node,
            secrets=given.secrets.absolute() if given.secrets else None,
            submission_port=given.submission_port,
            submission_tls_port=given.submission_tls_port,
            certificate=os.environ.get("TLS_CERTIFICATE", ""),
            certificate_key=os.environ.get("TLS_CERTIFICATE_KEY", ""),
            incoming=os.environ.get("INCOMING", ""),
            behind_proxy=os.environ.get("BEHIND_PROXY", "").lower() in ("1", "true", "yes", "on"),
        )
    )


def data_folder() -> Path:
    """DATA_DIR or the checkout's var/."""
    return Path(os.environ.get("DATA_DIR") or ROOT / "var")


def check(options: Options) -> Options:
    if not 1 <= options.port <= 65535:
        raise Refused(f"There is no port {options.port}: choose one from 1 to 65535.")
    for port in (options.submission_port, options.submission_tls_port):
        if port is not None and not 0 <= port <= 65535:
            raise Refused(f"There is no port {port}: choose one from 1 to 65535, or 0 for none.")
    for option, value in (("--zone", options.zone), ("--node", options.node)):
        if value and not _SLUG.fullmatch(value):
            raise Refused(f"{option} {value} is no name: use up to 40 letters, digits, - and _.")
    if options.join is None and (options.secrets or options.node) and not (options.data / "joined.env").exists():
        raise Refused("--secrets and --node go with --join: see bin/up --help.")
    if options.host != "localhost":
        _address(options.host)
    if bool(options.certificate) != bool(options.certificate_key):
        raise Refused("A certificate needs its key: set both TLS_CERTIFICATE and TLS_CERTIFICATE_KEY.")
    for file in filter(None, (options.certificate, options.certificate_key)):
        if not os.access(file, os.R_OK):
            raise Refused(f"{file} cannot be read: TLS_CERTIFICATE and TLS_CERTIFICATE_KEY name PEM files that this user may read.")
    if options.live and not options.is_loopback and not options.certificate:
        raise Refused(
            f"--live does not answer plain HTTP on {options.host}: set TLS_CERTIFICATE and TLS_CERTIFICATE_KEY, "
            "or listen on 127.0.0.1 and put a proxy that ends TLS before it (BEHIND_PROXY=1)."
        )
    return options


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        raise Refused(f"--host {host} is not an address: give one of this machine's, like 127.0.0.1 or 0.0.0.0.") from None
