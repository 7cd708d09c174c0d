"""Which platform a database is, and which secrets belong to it: compared at every start, so that a machine with others refuses instead of writing
what the rest cannot read.

Owns: three columns of platform_installation: the platform's number, and the fingerprints of SECRET_KEY and ENCRYPTION_KEYS. A fingerprint is slow to make
(scrypt, RFC 7914) and salted with the platform's number: it gives no secret away, not even a weak one that somebody chose. Never: stores a secret.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from mailplatform.shell.database.connect import connect
from mailplatform.up.options import Refused

_COLUMNS = """
    ALTER TABLE platform_installation
        ADD COLUMN IF NOT EXISTS id uuid NOT NULL DEFAULT gen_random_uuid(),
        ADD COLUMN IF NOT EXISTS secret_key text NOT NULL DEFAULT '',
        ADD COLUMN IF NOT EXISTS encryption_keys text[] NOT NULL DEFAULT '{}'
"""
_HAS_COLUMNS = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'platform_installation' AND column_name IN ('id', 'secret_key')"
_READ = "SELECT id, mail_mode, secret_key, encryption_keys FROM platform_installation"
_WRITE = "UPDATE platform_installation SET secret_key = %s, encryption_keys = %s WHERE (secret_key, encryption_keys) IS DISTINCT FROM (%s, %s::text[])"
_OTHERS = "SELECT count(*) FROM monitoring_machine WHERE joined"


@dataclass(frozen=True, slots=True)
class Identity:
    platform: UUID
    mode: str
    secret_key: str  # fingerprints; empty: not known yet
    encryption_keys: tuple[str, ...]


def fingerprint(platform: UUID, name: str, secret: str) -> str:
    return hashlib.scrypt(secret.encode(), salt=platform.bytes + name.encode(), n=2**14, r=8, p=1, dklen=16).hex()


def fingerprints(platform: UUID, secrets: Mapping[str, str]) -> tuple[str, list[str]]:
    """Of SECRET_KEY, and of each of ENCRYPTION_KEYS, the newest first."""
    keys = [key.strip() for key in secrets.get("ENCRYPTION_KEYS", "").split(",") if key.strip()]
    return fingerprint(platform, "SECRET_KEY", secrets.get("SECRET_KEY", "")), [fingerprint(platform, "ENCRYPTION_KEYS", key) for key in keys]


def identity_of(connection: Connection[Any]) -> Identity | None:
    """None: there is no platform in this database, or one that was started last before it had a number."""
    row = connection.execute(_HAS_COLUMNS).fetchone()
    if not row or row[0] < 2:
        return None
    found = connection.execute(_READ).fetchone()
    return Identity(found[0], found[1], found[2], tuple(found[3])) if found else None


def settle_identity(database_url: str, secrets: Mapping[str, str]) -> UUID:
    """Of a start that brings the database along: write what is not known, refuse keys that cannot read what is there. Returns the platform's number.

    A new SECRET_KEY is taken over while no other machine has joined (people sign in again); new ENCRYPTION_KEYS must keep one of the former.
    """
    with connect(database_url) as connection:
        connection.execute(_COLUMNS)
        known = identity_of(connection)
        assert known is not None
        secret_key, keys = fingerprints(known.platform, secrets)
        if known.encryption_keys and not set(known.encryption_keys) & set(keys):
            raise Refused(
                "ENCRYPTION_KEYS holds none of the keys that this database's secrets are encrypted with: add the former one behind a comma, "
                "or bring back the secrets.env that belongs to this database."
            )
        if known.secret_key not in ("", secret_key) and _others(connection):
            raise Refused(
                "SECRET_KEY is not the one that the other machines of this platform have: bring back the former one. "
                "To change it, forget the other machines on the page Zones & nodes and join them again."
            )
        connection.execute(_WRITE, [secret_key, keys, secret_key, keys])
    return known.platform


def compare(known: Identity, secrets: Mapping[str, str], asked_for: str = "") -> None:
    """Of a machine that joins: Refused unless it has this platform's own secrets. `asked_for`: the platform's number as its join file has it."""
    if asked_for and asked_for != str(known.platform):
        raise Refused(f"This database holds another platform ({known.platform}) than the join file was made for ({asked_for}): check DATABASE_URL.")
    secret_key, keys = fingerprints(known.platform, secrets)
    differs = "is not this platform's: the fingerprints differ"
    for name, wrong in (
        ("ENCRYPTION_KEYS", "is missing" if not keys else differs if keys[0] not in known.encryption_keys else ""),
        ("SECRET_KEY", "is missing" if not secrets.get("SECRET_KEY") else differs if secret_key != known.secret_key else ""),
    ):
        if wrong:
            raise Refused(f"{name} {wrong}. A machine that joins needs the platform's own: bin/manage join_file FILE on a machine that runs writes them down.")


def _others(connection: Connection[Any]) -> bool:
    there = connection.execute("SELECT to_regclass('monitoring_machine') IS NOT NULL").fetchone()
    row = connection.execute(_OTHERS).fetchone() if there and there[0] else None
    return bool(row and row[0])
