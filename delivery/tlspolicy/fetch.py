"""Fetching a policy file over HTTPS (RFC 8461 §3.3) from a host that a stranger named.

Promises: what was resolved and permitted is what is connected to; the certificate is the policy host's; no redirect is followed;
a few hosts' addresses, at most 64 KB, one deadline for everything. Fails with `FetchFailed`, in words. Never: parses the policy, keeps it.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from mailplatform.shell.addresses import AddressPolicy

PATH = "/.well-known/mta-sts.txt"
MOST_BYTES = 64 * 1024  # RFC 8461 §3.3 suggests to bound it; real ones have hundreds of bytes
MOST_HEAD_BYTES = 16 * 1024
MOST_ADDRESSES = 4
TIMEOUT_S = 30.0


class FetchFailed(Exception):
    """No policy file came of it; the text says why."""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """`addresses` resolves a host; `port` is 443 but in the sandbox."""

    addresses: Callable[[str], Awaitable[tuple[str, ...]]]
    permitted: AddressPolicy
    context: ssl.SSLContext
    port: int = 443
    timeout_s: float = TIMEOUT_S

    async def fetch(self, domain: str) -> bytes:
        """The policy file of a domain, as it came."""
        host = f"mta-sts.{domain}"
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._from_any(host)
        except TimeoutError:
            raise FetchFailed(f"{host} did not answer in time") from None

    async def _from_any(self, host: str) -> bytes:
        addresses = await self.addresses(host)
        if not addresses:
            raise FetchFailed(f"{host} has no address")
        failure = FetchFailed(f"{host} cannot be reached")
        for address in addresses[:MOST_ADDRESSES]:
            if (why := self.permitted.refusal(address)) is not None:
                failure = FetchFailed(f"{host} leads to {address}: {why}")
                continue
            try:
                return await self._from(host, address)
            except ssl.SSLCertVerificationError as error:
                failure = FetchFailed(f"the certificate of {host} is not valid: {error.verify_message}")
            except (OSError, ValueError) as error:
                failure = FetchFailed(f"{host} at {address}: {getattr(error, 'strerror', None) or type(error).__name__}")
            except EOFError:
                failure = FetchFailed(f"{host} ended before its answer did")
        raise failure

    async def _from(self, host: str, address: str) -> bytes:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        reader, writer = await asyncio.open_connection(
            address, self.port, family=family, flags=socket.AI_NUMERICHOST, ssl=self.context, server_hostname=host, limit=MOST_HEAD_BYTES
        )
        try:
            writer.write(f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain\r\nConnection: close\r\nUser-Agent: mailplatform\r\n\r\n".encode())
            return await _answer(reader, host)
        finally:
            writer.transport.abort()


async def _answer(reader: asyncio.StreamReader, host: str) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise FetchFailed(f"{host} answers with too long a head") from None
    status, _, fields = head.partition(b"\r\n")
    words = status.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or words[1] != b"200":  # no redirect is followed: RFC 8461 §3.3
        raise FetchFailed(f"{host} answers {status[:60].decode('ascii', 'replace')!r}")
    headers: Message = BytesHeaderParser().parsebytes(fields)
    if headers.get_content_type() != "text/plain" or "content-type" not in headers:
        raise FetchFailed(f"{host} answers with {headers.get('content-type', 'no media type')[:60]!r}, not text/plain")
    body = await _body(reader, headers, host)
    if len(body) > MOST_BYTES:
        raise FetchFailed(f"{host} sends more than {MOST_BYTES} bytes")
    return body


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str] | Message, host: str) -> bytes:
    """By chunks, by length, or to the end of the connection; never much more than is allowed."""
    if (headers.get("transfer-encoding") or "").strip().lower() == "chunked":
        return await _chunks(reader)
    length = (headers.get("content-length") or "").strip()
    if length:
        if not length.isascii() or not length.isdigit():
            raise FetchFailed(f"{host} answers with a length that is no number")
        return await reader.readexactly(min(int(length), MOST_BYTES + 1))
    body = b""
    while len(body) <= MOST_BYTES and (more := await reader.read(MOST_BYTES)):
        body += more
    return body


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while len(body) <= MOST_BYTES:
        size = int((await reader.readline()).partition(b";")[0].strip() or b"x", 16)
        if size <= 0:
            break
        body += await reader.readexactly(min(size, MOST_BYTES + 1))
        if size <= MOST_BYTES:
            await reader.readexactly(2)
    return body
