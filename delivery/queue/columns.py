"""The columns that ready, waiting and claimed share, in one order, so that a move is INSERT … SELECT."""

COLUMNS = (
    "id",
    "body_id",
    "tenant_id",
    "stream_id",
    "domain_id",
    "pool_id",
    "provider_id",
    "purpose",
    "tag",
    "ready_at",
    "attempts",
    "tries",
    "crashes",
    "sticky_ip_id",
    "avoid_ip_ids",
    "recipient",
    "size_bytes",
    "fingerprint",
    "own_head",
    "expires_at",
)
TYPES = (
    "uuid",
    "uuid",
    "int8",
    "int8",
    "int8",
    "int8",
    "int8",
    "int2",
    "float8",
    "timestamptz",
    "int2",
    "int2",
    "int2",
    "int8",
    "int8[]",
    "text",
    "int4",
    "int8",
    "bytea",
    "timestamptz",
)
LIST = ", ".join(COLUMNS)


def select(source: str, **changed: str) -> str:
    """The shared columns of `source` for an INSERT … SELECT, some replaced by an expression."""
    return ", ".join(changed.get(column) or f"{source}.{column}" for column in COLUMNS)
