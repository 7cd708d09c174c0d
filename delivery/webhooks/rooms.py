"""Rooms: how many requests each endpoint may have in flight now, so that none that is slow or broken is felt by others. Pure.

An endpoint has at most 8, one that is slow 2, one in trouble 1; a tenant at most 32 over all of its endpoints. The slow and the broken
together have at most half of all. What is left is dealt one at a time, who has least in flight first.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

MOST_IN_ALL = 200
MOST_AN_ENDPOINT, MOST_WHEN_SLOW, MOST_IN_TROUBLE = 8, 2, 1
MOST_A_TENANT = 32
MOST_FOR_THE_SLOW = MOST_IN_ALL // 2


@dataclass(frozen=True, slots=True)
class Asking:
    """An endpoint that has something to send."""

    endpoint_id: int
    tenant_id: int
    in_trouble: bool


def deal(
    asking: Sequence[Asking], in_flight: Mapping[int, int], tenant_in_flight: Mapping[int, int], slow: Collection[int], slow_in_flight: int
) -> dict[int, int]:
    """Endpoint to how many more it may have."""
    rooms: Counter[int] = Counter()
    tenants: Counter[int] = Counter(tenant_in_flight)
    free, free_for_slow = MOST_IN_ALL - sum(in_flight.values()), MOST_FOR_THE_SLOW - slow_in_flight
    line = [(in_flight.get(one.endpoint_id, 0), place, one) for place, one in enumerate(asking)]
    heapify(line)
    while line and free > 0:
        has, place, one = heappop(line)
        is_slow = one.in_trouble or one.endpoint_id in slow
        if has >= _most(one, slow) or tenants[one.tenant_id] >= MOST_A_TENANT or (is_slow and free_for_slow <= 0):
            continue  # nothing that follows makes room for it
        rooms[one.endpoint_id] += 1
        tenants[one.tenant_id] += 1
        free -= 1
        free_for_slow -= is_slow
        heappush(line, (has + 1, place, one))
    return dict(rooms)


def _most(one: Asking, slow: Collection[int]) -> int:
    if one.in_trouble:
        return MOST_IN_TROUBLE
    return MOST_WHEN_SLOW if one.endpoint_id in slow else MOST_AN_ENDPOINT
