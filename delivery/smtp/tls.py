"""TLS towards mail hosts: two contexts for ever (a new one costs 39 ms), and the words for what was agreed.

`required` encrypts without asking who is there (an MX name from unsigned DNS proves nothing); `verified` checks the host's name
against known authorities. Both: TLS 1.2 at least, SNI by the caller.
"""

import ssl
from functools import cached_property
from pathlib import Path
from typing import Any

from delivery.smtp.target import TlsMode


class TlsContexts:
    """One for a process. `extra_ca_file` adds an authority to the system's: the sandbox has its own."""

    def __init__(self, extra_ca_file: str | Path = "") -> None:
        self._extra_ca_file = str(extra_ca_file)

    @cached_property
    def required(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    @cached_property
    def verified(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._extra_ca_file:
            context.load_verify_locations(cafile=self._extra_ca_file)
        return context

    def context_for(self, mode: TlsMode) -> ssl.SSLContext:
        return self.verified if mode is TlsMode.VERIFIED else self.required


def describe(ssl_object: Any, mode: TlsMode) -> str:
    """Like `TLSv1.3 TLS_AES_256_GCM_SHA384 unverified`."""
    cipher = ssl_object.cipher()
    return f"{ssl_object.version()} {cipher[0] if cipher else 'unknown'} {'verified' if mode is TlsMode.VERIFIED else 'unverified'}"
