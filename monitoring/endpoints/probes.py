"""Probes: knock once at a door, and say in words what is wrong with it.

Owns: what counts as an answer for each kind of endpoint. Promises: returns the error in words, or "" for an answer; leaves no connection behind, however it is
cancelled. Never: follows a redirect, sends mail, keeps time (`knocker` cancels what takes too long). Operators probe private and loopback addresses on
purpose: unlike what strangers name (webhooks, MX hosts), an endpoint's address is not refused, and nothing of an answer is kept but a few words.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import psycopg

from mailplatform.shell.database.address import parameters
from mailplatform.shell.errors import short
from monitoring.endpoints.door import Door

MOST_BYTES = 8192
SECURED_FOR_S = 5.0  # a handshake is dear to both: it is made so often, and after one that failed at every knock until one succeeds
_secured: dict[int, float] = {}
HELLO = "probe.invalid"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Unwell(Exception):
    """The door answered, with something else than it should."""


async def knock(door: Door, database_url: str) -> str:
    """"" when the door answers as it should; else what is wrong, in words."""
    try:
        await PROBES[door.kind](door, database_url)
    except Unwell as wrong:
        return str(wrong)
    except (OSError, EOFError, dns.exception.DNSException, psycopg.Error, ValueError) as error:
        return in_words(error)
    return ""


async def certificate(door: Door) -> bytes | None:
    """What a door that speaks TLS shows, in DER, whoever signed it and however old it is; None: nothing of it came. Keeps no time either."""
    context = _context("")  # an expired one must be seen too; nothing is said over it
    with contextlib.suppress(Unwell, OSError, EOFError, ValueError, asyncio.LimitOverrunError):
        async with _open(door, context) as (reader, writer):
            if door.tls == "starttls":
                await _greet(reader, writer, door)
                await _start_tls(reader, writer, door, context)
            shown: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            return shown
    return None


def in_words(error: BaseException) -> str:
    match error:
        case ConnectionRefusedError():
            return "connection refused"
        case ssl.SSLCertVerificationError():
            return f"its certificate: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed ({(error.reason or 'no reason').replace('_', ' ').lower()})"
        case ConnectionResetError() | BrokenPipeError():
            return "the connection was reset"
        case asyncio.IncompleteReadError() | EOFError():
            return "it closed the connection without an answer"
        case OSError() if error.strerror:
            return error.strerror.lower()
    return short(error)


async def _api(door: Door, _: str) -> None:
    """A status of 2xx; /readyz says 503 when the platform is not ready."""
    host = door.tls_name or (f"[{door.host}]" if ":" in door.host else door.host)
    request = f"GET {door.asked or '/healthz'} HTTP/1.1\r\nHost: {host}:{door.port}\r\nUser-Agent: mailplatform-probe\r\nConnection: close\r\n\r\n"
    async with _open(door, _context(door.tls_name)) as (reader, writer):
        writer.write(request.encode("ascii", "replace"))
        words = (await reader.readuntil(b"\n")).decode("latin-1").split(None, 2)
        if len(words) < 2 or not words[0].startswith("HTTP/"):
            raise Unwell("it does not speak HTTP")
        if not words[1].startswith("2"):
            raise Unwell(f"it answered {' '.join(words[1:]).strip()[:60]}")


async def _smtp(door: Door, _: str) -> None:
    """A 220 greeting, a 250 to EHLO, and STARTTLS offered and completed where it is expected."""
    async with _open(door, _context(door.tls_name)) as (reader, writer):
        await _greet(reader, writer, door)
        if door.tls == "starttls" and time.monotonic() >= _secured.get(door.endpoint_id, 0.0):
            await _start_tls(reader, writer, door, _context(door.tls_name))
            _secured[door.endpoint_id] = time.monotonic() + SECURED_FOR_S
        await _say(writer, "QUIT")
        await _expect(reader, "221", "QUIT")  # a session that is left without a word counts on for a while among those that an address may have


async def _tcp(door: Door, _: str) -> None:
    async with _open(door, _context(door.tls_name)):
        pass


async def _dns(door: Door, _: str) -> None:
    """An answer to a question for an SOA. A server that refuses the question, or knows no such name, still answers."""
    answer = await dns.asyncquery.udp(dns.message.make_query(door.asked or ".", "SOA"), door.host, port=door.port)
    if answer.rcode() == dns.rcode.SERVFAIL:
        raise Unwell("it answered SERVFAIL")


async def _database(door: Door, database_url: str) -> None:
    """`SELECT 1` over a new session, as whoever needs the database would need one."""
    own = {"host": door.host, "port": str(door.port), "connect_timeout": 2, "application_name": "probe", "target_session_attrs": "any"}
    async with await psycopg.AsyncConnection.connect(**parameters(database_url, **own), autocommit=True) as session:  # type: ignore[arg-type]
        await session.execute("SELECT 1")


PROBES: dict[str, Callable[[Door, str], Awaitable[None]]] = {
    "api": _api, "submission": _smtp, "incoming": _smtp, "tcp": _tcp, "dns": _dns, "database": _database,
}  # fmt: skip


@contextlib.asynccontextmanager
async def _open(door: Door, context: ssl.SSLContext) -> AsyncIterator[Streams]:
    tls = {"ssl": context, "server_hostname": door.tls_name or door.host} if door.tls == "implicit" else {}
    reader, writer = await asyncio.open_connection(door.host, door.port, limit=MOST_BYTES, **tls)  # type: ignore[arg-type]
    try:
        yield reader, writer
    finally:
        writer.transport.abort()  # nothing is waited for: the other side's goodbye is not what was asked


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, door: Door) -> None:
    await _expect(reader, "220", "greeting")
    await _say(writer, f"EHLO {HELLO}")
    offered = await _expect(reader, "250", "EHLO")
    if door.tls == "starttls" and "STARTTLS" not in offered.upper():
        raise Unwell("it does not offer STARTTLS")


async def _start_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, door: Door, context: ssl.SSLContext) -> None:
    await _say(writer, "STARTTLS")
    await _expect(reader, "220", "STARTTLS")
    await writer.start_tls(context, server_hostname=door.tls_name or door.host)


def _context(name: str) -> ssl.SSLContext:
    """One for each name, for ever: a new one costs tens of milliseconds. Without a name nothing is verified."""
    if name not in _contexts:
        context = ssl.create_default_context()
        if not name:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _contexts[name] = context
    return _contexts[name]


_contexts: dict[str, ssl.SSLContext] = {}


async def _say(writer: asyncio.StreamWriter, line: str) -> None:
    writer.write(f"{line}\r\n".encode("ascii"))
    await writer.drain()


async def _expect(reader: asyncio.StreamReader, code: str, to: str) -> str:
    """All lines of one reply (RFC 5321 §4.2.1), if it is the right one."""
    lines = []
    while True:
        line = (await reader.readuntil(b"\n")).decode("latin-1").rstrip("\r\n")
        lines.append(line)
        if len(line) < 4 or line[3] != "-":
            break
        if len(lines) > 100:
            raise Unwell("its reply does not end")
    if not line.startswith(code):
        raise Unwell(f"it answered {line[:60]!r} to {to}" if to != "greeting" else f"it greeted with {line[:60]!r}")
    return "\n".join(lines)
