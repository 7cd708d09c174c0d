"""Outgoing: one HTTP request to an address that a stranger named (webhooks, alerts, heartbeats), and what was answered.

Promises: a name is resolved once for each connection, and what was resolved and permitted is what is connected to, under TLS 1.2 at least with the
name's own certificate; no redirect is followed, no proxy or password taken from the environment, nothing decompressed; time and size are
bounded, whatever the peer does. Fails with `NoAnswer`, in words that may be shown to whoever named the address. Never: cookies, other ports than
443 and 1024 to 65535 in live mode, plain HTTP outside of the sandbox, which itself connects to loopback alone.

    UrlRefused     the URL itself will not do
    NoAnswer       no answer came of it: address refused, no connection, TLS, time, no HTTP
"""

import asyncio
import os
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpcore
from django.conf import settings

from mailplatform.shell.addresses import AddressPolicy

LONGEST_URL = 2000
MOST_ADDRESSES = 4
KEEP_ALIVE_S = 2.0  # shorter than most servers keep theirs: no request goes into a connection that is just being closed
LOCALHOST = ("127.0.0.1", "::1")  # RFC 6761 §6.3: never asked of DNS
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_PRINTABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)

Addresses = Callable[[str], Awaitable[Iterable[str]]]


class UrlRefused(ValueError):
    """This URL will not do; the text says why, for whoever gave it."""


class NoAnswer(Exception):
    """No answer came; the text says why."""


def permitted() -> AddressPolicy:
    """What addresses strangers may name, as this installation is set."""
    return AddressPolicy.of(settings.MAIL_MODE, settings.OUTGOING_ALLOWED_NETWORKS)


@dataclass(frozen=True, slots=True)
class Where:
    """A URL that has been looked at."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long one request may take, and how much of its answer is read. A body that takes longer, or is longer, is cut: the status stands."""

    connect_s: float = 5.0
    total_s: float = 15.0
    body_s: float = 3.0
    most_bytes: int = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case, the first of each
    body: bytes = b""
    whole: bool = True
    milliseconds: int = 0


def where(url: str, policy: AddressPolicy) -> Where:
    """The URL's parts, or UrlRefused. Pure: nothing is resolved, what a name leads to is judged when it is connected to."""
    if len(url) > LONGEST_URL:
        raise UrlRefused(f"A URL has at most {LONGEST_URL} characters.")
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise UrlRefused("A URL is of printable ASCII characters: write other domains as xn--…, other characters as %XX.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UrlRefused("This is not a URL.") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and policy.mode == "sandbox"):
        raise UrlRefused("The URL begins with https://.")
    if "@" in parts.netloc:
        raise UrlRefused("A URL carries no user name or password.")
    if not _is_address(host) and not _HOST_NAME.fullmatch(host):
        raise UrlRefused("The URL has no host that can be asked for.")
    if "#" in url:
        raise UrlRefused("A URL that is posted to has no fragment (#…).")
    port = port if port is not None else (443 if parts.scheme == "https" else 80)
    if not (port in (80, 443) or 1024 <= port <= 65535) or (port == 80 and parts.scheme == "https"):
        raise UrlRefused("The port is 443, or one from 1024 to 65535.")
    if _is_address(host) and (why := policy.refusal(host)) is not None:
        raise UrlRefused(f"{host} is not connected to: {why}.")
    return Where(parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def context_with(extra_ca_file: str = "") -> ssl.SSLContext:
    """The system's certificate authorities, and one more."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    if extra_ca_file:
        context.load_verify_locations(cafile=extra_ca_file)
    return context


class Outgoing:
    """One for a loop. `addresses` resolves a name; connections are kept for a few seconds and shared by those who ask the same host."""

    def __init__(self, addresses: Addresses, policy: AddressPolicy, context: ssl.SSLContext, most_connections: int = 1000) -> None:
        self._policy = policy
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context, max_connections=most_connections, max_keepalive_connections=most_connections // 5, keepalive_expiry=KEEP_ALIVE_S,
            network_backend=_Guarded(addresses, policy),
        )  # fmt: skip

    async def request(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"", bounds: Bounds = Bounds()) -> Answer:
        """What was answered, whatever its status; UrlRefused or NoAnswer."""
        place, began_s = where(url, self._policy), time.monotonic()
        try:
            async with asyncio.timeout(bounds.total_s):
                status, fields, content, whole = await self._exchange(_request(method, place, headers or {}, body, bounds), bounds)
        except TimeoutError:
            raise NoAnswer(f"no answer within {bounds.total_s:g} s") from None
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as failure:
            raise NoAnswer(_words(failure, bounds)) from failure
        return Answer(status, fields, content, whole, int((time.monotonic() - began_s) * 1000))

    async def _exchange(self, request: httpcore.Request, bounds: Bounds) -> tuple[int, dict[str, str], bytes, bool]:
        response = await self._pool.handle_async_request(request)
        try:
            body, whole = await _beginning(response, bounds)
        finally:
            await response.aclose()
        fields: dict[str, str] = {}
        for name, value in response.headers:
            fields.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
        return response.status, fields, body, whole

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to addresses that the policy permits, and to nothing else."""

    def __init__(self, addresses: Addresses, policy: AddressPolicy) -> None:
        self._addresses, self._policy = addresses, policy
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None, socket_options: Any = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                return await self._connected(host, port, timeout, local_address, socket_options)
        except TimeoutError:
            raise httpcore.ConnectTimeout from None

    async def _connected(self, host: str, port: int, timeout: float | None, local_address: str | None, socket_options: Any) -> httpcore.AsyncNetworkStream:
        found = await self._resolved(host)
        if not found:
            raise NoAnswer(f"{host} has no address, or none could be learned")
        refusals = [f"{host} leads to {address}: {why}" for address in found if (why := self._policy.refusal(address)) is not None]
        permitted = [address for address in found if self._policy.refusal(address) is None]
        if not permitted:
            raise NoAnswer(refusals[0])
        failure: Exception = NoAnswer(f"{host} cannot be reached")
        for address in permitted[:MOST_ADDRESSES]:
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as broken:
                failure = broken
        raise failure

    async def _resolved(self, host: str) -> tuple[str, ...]:
        if _is_address(host):
            return (host,)
        return LOCALHOST if host == "localhost" else tuple(await self._addresses(host))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _request(method: str, place: Where, headers: Mapping[str, str], body: bytes, bounds: Bounds) -> httpcore.Request:
    fields = {"Host": place.authority, "User-Agent": "mailplatform", "Accept-Encoding": "identity", "Content-Length": str(len(body)), **headers}
    url = httpcore.URL(scheme=place.scheme, host=place.host, port=place.port, target=place.target)
    each_s = {"connect": bounds.connect_s, "read": bounds.total_s, "write": bounds.total_s, "pool": bounds.total_s}
    return httpcore.Request(method, url, headers=list(fields.items()), content=body, extensions={"timeout": each_s})


async def _beginning(response: httpcore.Response, bounds: Bounds) -> tuple[bytes, bool]:
    """The body's first bytes, and whether that is all of it. The status has been said: nothing that happens here takes it back."""
    body = bytearray()
    try:
        async with asyncio.timeout(bounds.body_s), aclosing(response.aiter_stream()) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                body += chunk
                if len(body) > bounds.most_bytes:
                    return bytes(body[: bounds.most_bytes]), False
    except (TimeoutError, httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
        return bytes(body), False
    return bytes(body), True


def _words(failure: Exception, bounds: Bounds) -> str:
    deep = _deepest(failure)
    if isinstance(deep, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {deep.verify_message}"
    if isinstance(deep, ssl.SSLError):
        return f"TLS failed: {(deep.reason or 'no common ground').lower().replace('_', ' ')}"
    if isinstance(failure, httpcore.ConnectTimeout):
        return f"no connection within {bounds.connect_s:g} s"
    if isinstance(failure, httpcore.TimeoutException):
        return f"no answer within {bounds.total_s:g} s"
    if isinstance(failure, httpcore.ConnectError):
        return f"no connection: {os.strerror(deep.errno).lower() if isinstance(deep, OSError) and deep.errno else 'it cannot be reached'}"
    if isinstance(failure, httpcore.RemoteProtocolError) and "disconnected" not in str(failure):
        return "it answered with something that is not HTTP"
    return "it closed the connection without an answer"


def _deepest(failure: BaseException) -> BaseException:
    """What it began with: TLS or the system, below the layers that hand it on."""
    while inner := (failure.exceptions[0] if isinstance(failure, ExceptionGroup) else failure.__cause__ or failure.__context__):
        if isinstance(failure, ssl.SSLError):
            break
        failure = inner
    return failure


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False
