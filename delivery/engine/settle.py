"""Settle: what becomes of a delivery after an attempt. Pure.

A checklist in the order of certainty: delivered, finally refused, rerouted, tried again. Rerouting does not count as the delivery's
failure, but it has bounds: at most three paths in a row, only where another path exists, only within the lane's retry
budget; beyond them the attempt counts and the delivery waits. A dot without an answer is tried again: the one case in which mail
may go twice.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from delivery.classify.asked import wait_asked_s
from delivery.queue.claim import Claim
from delivery.queue.settled import AttemptRow, Settled
from delivery.retry import POLICIES, next_attempt_at
from mailplatform.shell.ids import ATTEMPTS_PER_DELIVERY
from pools.outcomes import ActionKind, ActionScope, Fault, Outcome, PathAction, Reason, Verdict

PATHS_IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class Room:
    """What rerouting may use: other paths of the lane that this delivery has not tried, and whether the budget allows."""

    other_paths: int
    budget_left: bool
    new_there: bool = False  # nothing of this path was ever accepted there, as far as its owner remembers


def settle(claim: Claim, attempt: AttemptRow, outcome: Outcome, room: Room, now: datetime, jitter: float) -> Settled:
    """The attempt with its consequence. `jitter` is 0 to 1."""
    if outcome.verdict == Verdict.DELIVERED:
        return _end(claim, attempt, "delivered")
    if outcome.verdict in (Verdict.BOUNCED, Verdict.SUPPRESSED):
        return replace(_end(claim, attempt, "bounced"), suppress=outcome.verdict == Verdict.SUPPRESSED)
    if claim.tries + 2 > ATTEMPTS_PER_DELIVERY:
        return _with(claim, attempt, hold=f"tried {claim.tries + 1} times without a final answer")
    if outcome.verdict == Verdict.REROUTED and may_reroute(claim, room):
        return replace(_with(claim, attempt), reroute=True, avoid_ip_ids=(*claim.avoid_ip_ids, attempt.ip_id))
    return _again(claim, attempt, outcome, room, now, jitter)


def may_reroute(claim: Claim, room: Room) -> bool:
    """Whether another path may take it at once."""
    return room.other_paths > 0 and room.budget_left and len(claim.avoid_ip_ids) + 1 < PATHS_IN_A_ROW


def _again(claim: Claim, attempt: AttemptRow, outcome: Outcome, room: Room, now: datetime, jitter: float) -> Settled:
    attempts = claim.attempts + 1
    policy, asked_s = POLICIES[claim.own_purpose], max(wait_asked_s(attempt.reply) or 0, _held_s(outcome.action, attempts))
    greylisted = outcome.reason == Reason.SOFT_GREYLIST
    due_at = next_attempt_at(policy, attempts, now, claim.expires_at, jitter, greylisted=greylisted, at_least_s=asked_s)
    if outcome.verdict == Verdict.REROUTED:
        attempt = replace(attempt, verdict=Verdict.DEFERRED, fault=_fault_at_last(claim, attempt))
    if due_at is None:
        return replace(_end(claim, attempt, "expired"), attempts=attempts)
    sticky = attempt.ip_id if greylisted or (room.new_there and _may_be_greylisting(attempt)) else None
    return replace(_with(claim, attempt), attempts=attempts, due_at=due_at, sticky_ip_id=sticky)


def _held_s(action: PathAction | None, attempts: int) -> int:
    """How long a rule holds this one delivery: the mailbox's own limit, over all its senders, which no path of ours helps."""
    holds = action is not None and action.kind is ActionKind.HOLD and action.scope is ActionScope.RECIPIENT and attempts >= action.trigger_count
    return action.duration_s if action is not None and holds else 0


def _may_be_greylisting(attempt: AttemptRow) -> bool:
    """A bare 450 or 451 at first contact, which no rule knows (RFC 6647 §2: a server need not say that it is greylisting).

    The same path comes back, which is what greylisting waits for and hurts nothing else; when is left to the purpose's schedule, for
    five minutes would be long for a password if it was only a busy server.
    """
    return attempt.code in (450, 451) and not attempt.rule and attempt.phase in ("mail", "rcpt", "data")


def _fault_at_last(claim: Claim, attempt: AttemptRow) -> str:
    """As many paths as are tried in a row met no server to talk to: it is the destination and none of them."""
    nobody_there = attempt.code is None and attempt.reason.startswith(("network.", "connection."))
    return Fault.DESTINATION if nobody_there and len(claim.avoid_ip_ids) + 1 >= PATHS_IN_A_ROW else attempt.fault


def _end(claim: Claim, attempt: AttemptRow, final: str) -> Settled:
    return _with(claim, attempt, final=final)


def _with(claim: Claim, attempt: AttemptRow, final: str | None = None, hold: str = "") -> Settled:
    return Settled(attempt, claim.tenant_id, claim.stream_id, int(claim.own_purpose), claim.recipient, claim.attempts, final=final, hold=hold)
