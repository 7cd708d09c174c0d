"""Join: how a machine is added to a platform that runs already.

A checklist before anything is written: the join file or the environment, a database address that is safe, a database that answers, a platform in it, its
secrets. Owns: DATA/joined.env, by which the next start of this folder knows that it has joined. Never: migrates or seeds; prints a secret.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from mailplatform.shell.addresses import stays_here
from mailplatform.shell.database.address import servers
from mailplatform.shell.database.connect import connect
from mailplatform.shell.errors import short
from mailplatform.shell.private_file import write_private
from mailplatform.up.identity import compare, identity_of
from mailplatform.up.installation import SECRETS, Installation, lines, read_lines
from mailplatform.up.options import Options, Refused, check
from mailplatform.up.postgres import EmbeddedPostgres

PLATFORM = "PLATFORM_ID"
_OWN = ("DATABASE_URL", "ZONE", "NODE", PLATFORM)
_HOW = "bin/manage join_file FILE on a machine that runs writes down what another needs"


@dataclass(frozen=True, slots=True)
class Joining:
    """What a machine that joins goes by: where the database is, and what is the same on all machines."""

    database_url: str
    shared: Mapping[str, str]


def joining(options: Options, installation: Installation, environment: Mapping[str, str] = os.environ) -> tuple[Options, Joining] | None:
    """None: this folder's platform is its own. Else what to start with, after all comparisons; Refused."""
    kept_in = installation.data / "joined.env"
    if options.join is None and not kept_in.exists():
        return None
    if options.join is not None and EmbeddedPostgres(installation.data).cluster.exists():
        raise Refused(f"{installation.data} holds a platform of its own: give the machine that joins a folder of its own with --data.")
    given = {**(read_lines(kept_in) if kept_in.exists() else {}), **(_read(options.secrets) if options.secrets else {})}
    url = options.join or environment.get("DATABASE_URL") or given.get("DATABASE_URL", "")
    if not url:
        raise Refused(f"--join needs the database's address: give it, set DATABASE_URL, or name a join file with --secrets ({_HOW}).")
    safe_address(url)
    kept_secrets = read_lines(installation.data / "secrets.env") if (installation.data / "secrets.env").exists() else {}
    secrets = {name: environment.get(name) or given.get(name) or kept_secrets.get(name, "") for name in SECRETS}
    mode = _look(url, secrets, given.get(PLATFORM, ""))
    shared = {name: value for name, value in given.items() if name not in (*SECRETS, *_OWN) and value}
    if mode == "sandbox" and "RESOLVER" not in shared and not environment.get("RESOLVER"):
        raise Refused(f"This platform is a sandbox, and where its simulated internet is stands in its join file: name it with --secrets ({_HOW}).")
    zone, node = options.zone or given.get("ZONE", ""), options.node or given.get("NODE", "")
    if not zone:
        raise Refused("A machine that joins belongs to a zone: name it with --zone.")
    chosen = check(replace(options, zone=zone, node=node, live=mode == "live", demo_traffic=False))
    write_private(installation.data / "secrets.env", lines({name: value for name, value in secrets.items() if value}))
    write_private(kept_in, lines({"DATABASE_URL": url, "ZONE": zone, "NODE": node, PLATFORM: given.get(PLATFORM, ""), **shared}))
    return chosen, Joining(url, shared)


def safe_address(url: str) -> None:
    """Beyond this machine the database proves who it is, and nobody listens: verify-full, or loopback, or a socket."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise Refused(f"The database's address cannot be read ({short(error)}): give a URL like postgresql://mailplatform@db1:5432/mailplatform.") from None
    if parts.get("sslmode") == "verify-full":
        return
    named = str(parts.get("hostaddr") or "").split(",") if parts.get("hostaddr") else [host for host, _ in servers(parts)]
    if remote := [host for host in named if not stays_here(host)]:
        raise Refused(
            f"The database on {remote[0]} would be spoken to without proof of who it is: add sslmode=verify-full to its address "
            "(and sslrootcert=FILE for an authority of your own); only loopback and Unix sockets go without."
        )


def _look(url: str, secrets: Mapping[str, str], platform: str) -> str:
    """The mode of the platform in this database, if this is its machine; Refused."""
    try:
        with connect(url, connect_timeout=10) as connection:
            known = identity_of(connection)
    except psycopg.Error as error:
        raise Refused(f"The platform's database does not answer ({short(error)}): check its address, and that this machine may connect to it.") from None
    if known is None:
        raise Refused("There is no platform in this database that another machine could join: start the first one there, with this version, and come back.")
    compare(known, secrets, platform)
    return known.mode


def _read(file: Path) -> dict[str, str]:
    try:
        if file.stat().st_mode & 0o077:
            raise Refused(f"{file} holds secrets and others may read it: chmod 600 {file}, and think of who has.")
        return read_lines(file)
    except OSError as error:
        raise Refused(f"{file} cannot be read ({error.strerror}): {_HOW}.") from None
