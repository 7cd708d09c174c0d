"""Encryption at rest: what a database dump must not give away (DKIM keys, route passwords, webhook secrets).

Fernet (AES-128-CBC with HMAC-SHA-256) under settings.ENCRYPTION_KEYS: the newest key encrypts, every key of the list
decrypts, so keys rotate by putting a new one first. Never: logs, caches or prints what it decrypts. Bytes that no key
opens raise `CannotDecrypt`, whose message holds no data.
"""

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotDecrypt(Exception):
    """None of the installation's encryption keys opens this value: a key is missing from ENCRYPTION_KEYS."""


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(data: bytes) -> bytes:
    """The data under the newest key, safe to store."""
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(data)


def decrypt(data: bytes | memoryview) -> bytes:
    """What `encrypt` was given; takes the memoryview that a BinaryField returns."""
    try:
        return _fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(bytes(data))
    except InvalidToken:
        raise CannotDecrypt("None of the keys in ENCRYPTION_KEYS opens a stored secret; put the key that made it back into the list.") from None
