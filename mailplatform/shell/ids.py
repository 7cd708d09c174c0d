"""Ids that carry their own time and their own family.

A message id is a UUID version 7 (RFC 9562 §5.7: 48 bits of milliseconds, then random bits) whose last 24 bits
are zero. Its deliveries take the same id with a 16-bit recipient number in those bits, their attempts add
an 8-bit attempt number in the last byte:

    0193a5f2-7c1e-7b42-9d1a-5e8f2c000000   message
    0193a5f2-7c1e-7b42-9d1a-5e8f2c000100   its first delivery
    0193a5f2-7c1e-7b42-9d1a-5e8f2c000103   that delivery's third attempt

So the rows of one message lie side by side in every primary key, no history table needs a second index to
find them, an id alone says in which day's partition its row is, and recording an attempt twice is
impossible. 50 random bits a millisecond remain; a collision is refused by the primary key, never merged.
"""

import os
import time
import uuid

RECIPIENTS_PER_MESSAGE = 0xFFFF
ATTEMPTS_PER_DELIVERY = 0xFF
_FAMILY_BITS = 0xFFFFFF


def time_ordered_id(at_ms: int | None = None) -> uuid.UUID:
    """A UUID version 7; `at_ms` is milliseconds since 1970, by default now."""
    at_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    random = int.from_bytes(os.urandom(10), "big")
    value = (at_ms & (2**48 - 1)) << 80 | 7 << 76 | (random >> 62 & 0xFFF) << 64 | 2 << 62 | random & (2**62 - 1)
    return uuid.UUID(int=value)


def message_id(at_ms: int | None = None) -> uuid.UUID:
    """A new message id."""
    return uuid.UUID(int=time_ordered_id(at_ms).int & ~_FAMILY_BITS)


def delivery_id(message: uuid.UUID, recipient_number: int) -> uuid.UUID:
    """The id of a message's nth delivery, 1 to 65,535."""
    if not 1 <= recipient_number <= RECIPIENTS_PER_MESSAGE:
        raise ValueError(f"a message has 1 to {RECIPIENTS_PER_MESSAGE} recipients, not {recipient_number}")
    return uuid.UUID(int=message.int | recipient_number << 8)


def attempt_id(delivery: uuid.UUID, attempt_number: int) -> uuid.UUID:
    """The id of a delivery's nth attempt, 1 to 255."""
    if not 1 <= attempt_number <= ATTEMPTS_PER_DELIVERY:
        raise ValueError(f"a delivery has 1 to {ATTEMPTS_PER_DELIVERY} attempts, not {attempt_number}")
    return uuid.UUID(int=delivery.int | attempt_number)


def message_of(member: uuid.UUID) -> uuid.UUID:
    """The message that a delivery's or an attempt's id belongs to."""
    return uuid.UUID(int=member.int & ~_FAMILY_BITS)


def delivery_of(attempt: uuid.UUID) -> uuid.UUID:
    """The delivery that an attempt's id belongs to."""
    return uuid.UUID(int=attempt.int & ~0xFF)


def family_end(message: uuid.UUID) -> uuid.UUID:
    """The highest id in a message's family: `id BETWEEN message AND family_end(message)` finds them all."""
    return uuid.UUID(int=message.int | _FAMILY_BITS)


def lowest_id_at(at_ms: int) -> uuid.UUID:
    """The smallest id of a millisecond: the bound of a day's partition, the floor of a search by time."""
    return uuid.UUID(int=(at_ms & (2**48 - 1)) << 80)


def id_time_ms(some_id: uuid.UUID) -> int:
    """Milliseconds since 1970 at which an id was made."""
    return some_id.int >> 80
