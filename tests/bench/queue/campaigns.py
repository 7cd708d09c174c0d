"""Campaigns: a queue filled as submissions fill it, through the store function, by a few processes at a time.

Each message has one body of 5 KB and a thousand recipients over the given domains, one after the other; a transaction each. Domains are
made known first, each its own provider: so many lanes. Wakes nobody.
"""

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

import psycopg

from delivery.queue.put import NewBody, NewDelivery, NewMessage, put
from mailplatform.shell.ids import delivery_id, message_id

A_MESSAGE = 1000
BODY_BYTES = 5_000
HEAD = b"From: news@bench.example\r\nSubject: News of the day\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
MIME = HEAD + b"\r\n" + (b"Every word of this is news. " * 2 + b"\r\n") * (BODY_BYTES // 58)

PROVIDER = """
    INSERT INTO pools_provider (key, name, kind, is_tail, mx_suffixes, domains, facts, overrides)
    SELECT 'mx:' || d, d, 'mailbox', true, '{}', '{}', '{}', '{}' FROM unnest(%(domains)s::text[]) AS d ON CONFLICT (key) DO NOTHING
"""
KNOWN = """
    INSERT INTO pools_domainprovider (domain, provider_id, hosts, sorted_at, expires_at)
    SELECT d, p.id, jsonb_build_array(jsonb_build_array(10, 'mx.' || d)), platform_now(), platform_now() + interval '1 day'
      FROM unnest(%(domains)s::text[]) AS d JOIN pools_provider p ON p.key = 'mx:' || d
    ON CONFLICT (domain) DO NOTHING
"""
TENANTS = """
    WITH made AS (
        INSERT INTO tenants_tenant (name, title, state, weight, transactional_rate_per_s, is_simulated, created_at)
        SELECT 'bench-' || n, 'Bench ' || n, 'active', 1, 50, true, now() FROM generate_series(1, %(count)s) AS n RETURNING id)
    INSERT INTO pools_stream (tenant_id, name, purpose, pool_id, is_default) SELECT id, 'news', 2, %(pool)s, true FROM made RETURNING tenant_id, id
"""


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose mail it is."""

    tenant_id: int
    stream_id: int
    pool_id: int
    domain_id: int
    purpose: int = 2


def make_domains(connection: psycopg.Connection, count: int) -> list[str]:
    """So many recipients' domains, known and each of a provider of its own."""
    domains = [f"bench-{n}.example" for n in range(count)]
    connection.execute(PROVIDER, {"domains": domains})
    connection.execute(KNOWN, {"domains": domains})
    return domains


def make_senders(connection: psycopg.Connection, count: int, pool_id: int, domain_id: int) -> list[Sender]:
    """Tenants with a marketing stream in that pool; they share one sending domain and its keys."""
    return [Sender(tenant, stream, pool_id, domain_id) for tenant, stream in connection.execute(TENANTS, {"count": count, "pool": pool_id})]


def load(url: str, senders: Sequence[Sender], domains: Sequence[str], count: int, processes: int = 2, first: int = 0) -> float:
    """Queue so many deliveries; seconds it took. `first`: recipients are numbered from here."""
    began = time.monotonic()
    a_message = min(A_MESSAGE, max(1, count // len(senders)))
    parts = [(number, min(a_message, count - number)) for number in range(0, count, a_message)]
    if not processes:  # in this one
        _load_part(url, list(senders), list(domains), parts, first)
        return time.monotonic() - began
    context = multiprocessing.get_context("spawn")
    shares = [list(islice(parts, own, None, processes)) for own in range(processes)]
    running = [context.Process(target=_load_part, args=(url, list(senders), list(domains), share, first)) for share in shares]
    for process in running:
        process.start()
    for process in running:
        process.join()
        assert process.exitcode == 0, "loading failed"
    return time.monotonic() - began


def _load_part(url: str, senders: list[Sender], domains: list[str], parts: list[tuple[int, int]], first: int) -> None:
    with psycopg.connect(url, autocommit=True, options="-c synchronous_commit=off") as connection:
        for place, (number, size) in enumerate(parts):
            with connection.transaction(), connection.cursor() as cursor:
                put(cursor, [_message(senders[(number // size + place) % len(senders)], domains, first + number, size)])


def _message(sender: Sender, domains: list[str], number: int, size: int) -> NewMessage:
    ours, now = message_id(), datetime.now(UTC)
    recipients = (domains[n % len(domains)] for n in range(number, number + size))
    deliveries = tuple(NewDelivery(delivery_id(ours, n + 1), f"user{number + n}@{domain}", domain) for n, domain in enumerate(recipients))
    body = NewBody(ours, MIME, len(HEAD), b"\0" * 32, wire_ready=True)
    return NewMessage(
        ours, sender.tenant_id, sender.stream_id, sender.pool_id, sender.purpose, body, sender.domain_id, "News <news@bench.example>", "News of the day",
        len(MIME), deliveries, now + timedelta(days=3), now, fingerprint=1 + sender.tenant_id,
    )  # fmt: skip
