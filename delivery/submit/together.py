"""Together: prepared requests become rows in one transaction, of however many tenants (group commit).

Promises: an Accepted leaves `stored` only after the COMMIT that holds its messages; what is wrong with one request (its cap, its key) is its own
outcome and leaves the others alone; a request with an idempotency key that another of the group has gets that one's answer. Locks are taken in
one order by everybody: keys, caps by tenant, then what `put` takes. Never: parses, composes. A database that fails raises, for all of them.
"""

from collections.abc import Sequence

from psycopg import Cursor

from delivery.queue.put import NewMessage, put
from delivery.queue.wake import wake
from delivery.submit import cap, idempotency
from delivery.submit.commit import committed
from delivery.submit.facts import suppressions
from delivery.submit.idempotency import Answer, Clash, Token
from delivery.submit.request import Accepted, Prepared, Refused, Why
from delivery.submit.store import rows_of
from mailplatform.shell.formats import duration
from mailplatform.shell.problems import Problem

Outcome = Accepted | Refused
STORED = 202


def stored(group: Sequence[Prepared], *, waits: bool) -> list[Outcome]:
    """What became of each. `waits`: for a key that somebody else uses just now, raising Refused when that takes too long; otherwise that one is a
    Clash.IN_USE at once, for a group must not stand still for one of its members, and two that waited for each other would never end."""
    with committed() as cursor:
        outcomes, twins = _by_key(cursor, group, waits)
        _under_cap(cursor, group, outcomes, twins)
        fresh = [number for number in range(len(group)) if number not in outcomes and number not in twins]
        suppressed = suppressions(cursor, [(group[number].facts.id, each) for number in fresh for each in group[number].recipients])
        messages: dict[int, list[NewMessage]] = {}
        for number in fresh:
            asked = group[number]
            known = suppressed.of(asked.facts.id)
            messages[number] = [rows_of(each, asked.facts, known, asked.request.submitted_by, asked.request.at) for each in asked.ready]
        placed = put(cursor, [message for some in messages.values() for message in some]) if messages else None
        answers = {number: Accepted(group[number].request.answer_of(some)) for number, some in messages.items()}
        idempotency.keep(cursor, [(token, Answer(STORED, answers[number].body)) for number in fresh if (token := group[number].request.token)])
    if placed and (placed.lanes or placed.sorting):
        wake(placed.lanes, placed.sorting)
    outcomes.update(answers)
    outcomes.update({number: _as(outcomes[first], group[first], group[number]) for number, first in twins.items()})
    return [outcomes[number] for number in range(len(group))]


def _by_key(cursor: Cursor, group: Sequence[Prepared], waits: bool) -> tuple[dict[int, Outcome], dict[int, int]]:
    """(what is answered by an earlier request, who has the same key as an earlier member of the group). The keys are held until the commit."""
    first: dict[tuple[int, str], int] = {}
    twins: dict[int, int] = {}
    tokens: dict[int, Token] = {}
    for number, asked in enumerate(group):
        if token := asked.request.token:
            if (key := (token.tenant_id, token.key)) in first:
                twins[number] = first[key]
            else:
                first[key], tokens[number] = number, token
    found = idempotency.take(cursor, list(tokens.values()), waits=waits) if tokens else []
    idempotency.confirm(cursor, [token for token, each in zip(tokens.values(), found, strict=True) if isinstance(each, Answer)])
    if waits and Clash.IN_USE in found:
        raise clashed(Clash.IN_USE)  # the wait was given up: there is no transaction to go on with
    return {number: replayed(each) for number, each in zip(tokens, found, strict=True) if each is not None}, twins


def _as(outcome: Outcome, first: Prepared, twin: Prepared) -> Outcome:
    """What a second request under the same key is told."""
    assert first.request.token and twin.request.token
    if first.request.token.request_hash != twin.request.token.request_hash:
        return clashed(Clash.OTHER_REQUEST)
    return Accepted(outcome.body, replayed=True) if isinstance(outcome, Accepted) else outcome


def replayed(found: Answer | Clash) -> Outcome:
    return clashed(found) if isinstance(found, Clash) else Accepted(found.body, replayed=True)


def clashed(clash: Clash) -> Refused:
    return Refused(Why.CLASH, clash.value, [Problem(idempotency.HEADER, clash.value)], clash)


def _under_cap(cursor: Cursor, group: Sequence[Prepared], outcomes: dict[int, Outcome], twins: dict[int, int]) -> None:
    """Refuse what breaks its tenant's daily cap, in the order of the group, and count the rest; tenants are locked in their own order."""
    capped = {asked.facts.id: asked for number, asked in enumerate(group) if asked.facts.daily_cap is not None and number not in outcomes}
    rooms = {tenant: cap.room(cursor, tenant, capped[tenant].facts.daily_cap or 0, capped[tenant].request.at) for tenant in sorted(capped)}
    taken = dict.fromkeys(rooms, 0)
    for number, asked in enumerate(group):
        tenant, wanted = asked.facts.id, len(asked.recipients)
        if tenant not in rooms or number in outcomes or number in twins:
            continue
        if wanted > rooms[tenant].left - taken[tenant]:
            outcomes[number] = _over(rooms[tenant], taken[tenant], wanted)
        else:
            taken[tenant] += wanted
    for tenant in sorted(taken):
        if taken[tenant]:
            cap.count(cursor, tenant, taken[tenant], capped[tenant].request.at)


def _over(room: cap.Room, taken: int, wanted: int) -> Refused:
    left = max(0, room.left - taken)
    told = f"This tenant may send {room.cap:,} deliveries in 24 hours, of which {left:,} are left; this request has {wanted:,}, and none of it was accepted."
    after_s = room.free_in_s(wanted + taken)
    later = f" Ask again in {duration(after_s)}." if wanted <= room.cap else " Send it in smaller parts."
    return Refused(Why.OVER_CAP, (told + later).replace("\u00a0", " "), retry_after_s=after_s)
