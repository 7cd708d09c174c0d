"""The columns that ready, waiting and claimed share, in one order, so that a move is INSERT … SELECT."""

QUEUE = {
    "id": "uuid",
    "body_id": "uuid",
    "tenant_id": "int8",
    "stream_id": "int8",
    "domain_id": "int8",
    "pool_id": "int8",
    "provider_id": "int8",
    "purpose": "int2",
    "tag": "float8",
    "ready_at": "timestamptz",
    "attempts": "int2",
    "tries": "int2",
    "crashes": "int2",
    "sticky_ip_id": "int8",
    "avoid_ip_ids": "int8[]",
    "recipient": "text",
    "size_bytes": "int4",
    "fingerprint": "int8",
    "own_head": "bytea",
    "expires_at": "timestamptz",
}
LIST = ", ".join(QUEUE)


def select(source: str, **changed: str) -> str:
    """The shared columns of `source` for an INSERT … SELECT, some replaced by an expression."""
    return ", ".join(changed.get(column) or f"{source}.{column}" for column in QUEUE)
