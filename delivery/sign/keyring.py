"""Which keys sign for a domain, the signature fields of one message, and the return path that a domain has of its own.

Owns: loaded signers, for a minute each (parsing an RSA key costs more than signing with it). Promises: active keys only, RSA
first (verifiers that know one algorithm know that one); a key that cannot be opened or parsed is logged by its name and left out,
so that mail goes on with the others. Safe in any thread. Never: keeps, prints or logs a private key.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from delivery.sign.dkim import RSA, Draft, Signer, signed_lines
from mailplatform.shell.secrets import CannotDecrypt, decrypt

log = logging.getLogger(__name__)

REFRESH_S = 60.0
LIMIT = 10_000

KEYS_OF_A_DOMAIN = """
SELECT domain.name, key.selector, key.algorithm, key.private_encrypted,
       CASE WHEN domain.return_path_seen_at IS NULL THEN '' ELSE domain.return_path_host END
  FROM tenants_sendingdomain domain
  LEFT JOIN tenants_dkimkey key ON key.domain_id = domain.id AND key.active
 WHERE domain.id = %s
 ORDER BY key.algorithm = 'rsa-sha256' DESC, key.selector
"""


class Keyring:
    """One for an engine; `cursor` is any psycopg or Django cursor."""

    def __init__(self, refresh_s: float = REFRESH_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._refresh_s = refresh_s
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[int, tuple[float, tuple[Signer, ...]]] = {}
        self._parsed: dict[tuple[str, str, bytes], Signer] = {}
        self._return_paths: dict[int, str] = {}

    def known(self, domain_id: int) -> tuple[Signer, ...] | None:
        """The signers if they are loaded and fresh: no database, no waiting."""
        with self._lock:
            found = self._known.get(domain_id)
        return found[1] if found is not None and found[0] > self._clock() else None

    def load(self, cursor: Any, domain_id: int) -> tuple[Signer, ...]:
        """The domain's signers, from memory or from the database; empty when it has no key that works."""
        if (signers := self.known(domain_id)) is not None:
            return signers
        cursor.execute(KEYS_OF_A_DOMAIN, (domain_id,))
        rows = cursor.fetchall()
        made = (self._signer(*row[:4]) for row in rows if row[1] is not None)
        signers = tuple(signer for signer in made if signer is not None)
        with self._lock:
            if len(self._known) >= LIMIT:
                self._known.clear()
                self._parsed.clear()
                self._return_paths.clear()
            if rows and rows[0][4]:
                self._return_paths[domain_id] = rows[0][4]
            else:
                self._return_paths.pop(domain_id, None)
            self._known[domain_id] = (self._clock() + self._refresh_s, signers)
        return signers

    def return_path_host(self, domain_id: int) -> str:
        """The domain's own return path, as of when its keys were loaded last; empty: the platform's."""
        return self._return_paths.get(domain_id, "")

    def _signer(self, domain: str, selector: str, algorithm: str, encrypted: bytes) -> Signer | None:
        key = (domain, selector, bytes(encrypted))
        signer = self._parsed.get(key)
        if signer is None:
            try:
                signer = Signer(domain, selector, algorithm, decrypt(key[2]))
            except (CannotDecrypt, ValueError, TypeError) as exc:
                log.error("DKIM key %s._domainkey.%s cannot be used: %s", selector, domain, type(exc).__name__)
                return None
            self._parsed[key] = signer
        return signer


def drafts_of(signers: Sequence[Signer], head: bytes, body_hash: bytes, at_s: int) -> list[Draft]:
    """All signature fields of one message, RSA's first. Each signs the message, none signs another's signature."""
    names, lines = signed_lines(head)
    ordered = sorted(signers, key=lambda signer: signer.algorithm != RSA)
    return [signer.draft(names, lines, body_hash, at_s) for signer in ordered]


def sign_message(signers: Sequence[Signer], head: bytes, body_hash: bytes, at_s: int) -> bytes:
    """The same, signed; they go above the head."""
    return b"".join([draft.whole() for draft in drafts_of(signers, head, body_hash, at_s)])
