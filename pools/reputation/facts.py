"""Facts: what a provider's answer says against our address, as path minutes and block evidence count it. Pure.

`blocked` is refused for good, or closed, for our address's or its network's sake; `deferred` the same for now, our address or its reputation named as cause;
`named` whether it says so of our IP by name or by a block list, whatever was sent along it. What blames a domain, a sender, a mailbox or the provider's own
trouble is none of these.
"""

import re
from enum import Flag

from pools.outcomes import Fault, Reason


class Against(Flag):
    """What one answer says against the sending IP."""

    NOTHING = 0
    BLOCKED = 1
    DEFERRED = 2
    NAMED = 4


# Whatever was sent along it: lists and kinds of addresses name the IP (as delivery.engine.campaigns has it, but for what a tenant's list brings about).
_NAMES_THE_IP = frozenset({Reason.BLOCK_DNSBL, Reason.BLOCK_DYNAMIC_IP, Reason.BLOCK_OPEN_RELAY})
_BEFORE_MAIL = frozenset({"banner", "ehlo"})  # nobody's campaign was known yet
_DEFERS = frozenset({Reason.RATE_IP, Reason.RATE_COMPLAINTS})
# "Rate limit reached" says how much, not how good: only these words blame us.
_BLAMES = re.compile(r"reputation|unsolicited|complaint|suspicious|blacklist|block ?list|blocklist|spam", re.IGNORECASE)


def against(reason: str, fault: str, code: int | None, phase: str, reply: str) -> Against:
    """Of one attempt that was not delivered."""
    if fault != Fault.INFRASTRUCTURE:
        return Against.NOTHING
    if reason.startswith("block."):
        said = Against.DEFERRED if reason == Reason.BLOCK_TEMPORARY or (code is not None and 400 <= code < 500) else Against.BLOCKED
        return said | Against.NAMED if reason in _NAMES_THE_IP or phase in _BEFORE_MAIL else said
    if reason in _DEFERS and (reason == Reason.RATE_COMPLAINTS or _BLAMES.search(reply)):
        return Against.DEFERRED
    return Against.NOTHING
