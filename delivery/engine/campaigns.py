"""Campaigns: what a provider's block says, of the sending IP or of the content. Pure.

A campaign is a tenant's stream and content (its fingerprint holds all three). The first block of one at a provider makes it a suspect: at most
three canaries of it go along other paths while the rest waits. One that passes: it is the IP. Three that are blocked, on IPs that others'
mail still passes since: it is the content (a network may be blocked all at once: what passed before says nothing). Neither: the test ends after
five minutes (transactional: one) and the next block starts another one, so that a few canaries are all that meets the wall. A single message is no
campaign: it is rerouted as ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from delivery.queue.blocks import CANARIES, BlockRow
from delivery.smtp.wire import Phase
from pools.outcomes import Outcome, Reason, Verdict

HANDFUL = 5  # as many of one content in hand, and it is a campaign
BLOCKED_LATELY, LATELY_S = 3, 60.0  # or as many different deliveries of it blocked within a minute
FORERUNNERS = 2  # of those at hand on a blocked path, so many an engine are sent on, to be canaries

Key = tuple[int, int]  # provider, fingerprint
# The campaign has been named by then; a banner's refusal is the IP's alone.
_CAMPAIGN_KNOWN = {Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY}
# These name the IP, whatever was sent along it.
_SURELY_THE_IP = {
    Reason.BLOCK_DNSBL, Reason.BLOCK_DYNAMIC_IP, Reason.BLOCK_OPEN_RELAY, Reason.BLOCK_NAMESPACE_MINING, Reason.BLOCK_UNKNOWN_RECIPIENTS,
}  # fmt: skip


class Say(Enum):
    """What becomes of a delivery of a blocked campaign before it is sent."""

    GO = auto()
    CANARY = auto()  # if one is left to send
    ELSEWHERE = auto()  # along a path that has not been blocked
    WAIT = auto()
    HOLD = auto()


@dataclass(frozen=True, slots=True)
class Block:
    """A live block, as an engine remembers it."""

    id: int  # 0: opened here, and not in the table yet
    state: str
    canaries: int
    blocked_ips: frozenset[int]
    sentence: str
    until_s: float
    opened_s: float = 0.0
    round: int = 0
    canary_ips: frozenset[int] = frozenset()  # on which canaries were blocked and nobody else is known to pass since

    @classmethod
    def of(cls, row: BlockRow, asked_at_s: float) -> "Block":
        ips = {kind: frozenset(int(one["ip"]) for one in row.evidence.get(kind, ())) for kind in ("blocked", "canaries", "passes")}
        times = asked_at_s + row.left_s, asked_at_s - row.age_s
        return cls(row.id, row.state, row.canaries, ips["blocked"], row.sentence, *times, row.round, ips["canaries"] - ips["passes"])


def is_block(outcome: Outcome, phase: str) -> bool:
    """Whether it might be the content's as well as the IP's."""
    return (
        outcome.verdict is Verdict.REROUTED
        and outcome.reason.startswith("block.")
        and outcome.reason not in _SURELY_THE_IP
        and phase in _CAMPAIGN_KNOWN
    )


def say(block: Block, ip_id: int, pool_ips: Mapping[int, object], forerunners: int) -> Say:
    """What to do with a delivery that is about to go along `ip_id`; `forerunners`: how many were sent on from blocked paths already."""
    if block.state == "content":
        return Say.HOLD
    if block.state == "ip":
        return Say.ELSEWHERE if ip_id in block.blocked_ips and pool_ips.keys() - block.blocked_ips else Say.GO
    if block.state == "testing":
        if block.canaries >= CANARIES:
            return Say.WAIT
        if ip_id not in block.blocked_ips:
            return Say.CANARY
        return Say.ELSEWHERE if forerunners < FORERUNNERS and pool_ips.keys() - block.blocked_ips else Say.WAIT
    return Say.GO


def decide(evidence: Mapping[str, Any]) -> str:
    """What the canaries have shown: `ip`, `content`, or still `testing`."""
    canaries = evidence.get("canaries", ())
    if any(one["passed"] for one in canaries):
        return "ip"
    others_pass = {one["ip"] for one in evidence.get("passes", ())}
    if len(canaries) >= CANARIES and 2 * sum(one["ip"] in others_pass for one in canaries) > len(canaries):
        return "content"
    return "testing"
