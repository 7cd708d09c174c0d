"""Addresses that force a behaviour at any simulated domain: the local part, up to a plus sign, is a command.

`bounce@`, `full+anything@` and so on. The list is the sandbox's public face: README of the inbox page, docs and tests use it.
"""

import re
from dataclasses import dataclass

_DEFER_TIMES = re.compile(r"(?:defer|tempfail)-(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a local part forces."""

    says: str
    refusal: str = ""  # the reply key at RCPT
    tries: int = 0  # refused so many times with 451, then taken
    greylists: bool = False
    spam: bool = False
    slow: bool = False
    hangs: bool = False
    complains: bool = False
    returns: str = ""  # what comes back a moment after it was accepted: one of returns.KINDS
    cuts: str = ""  # "lost": cut after the dot, not accepted; "kept": accepted, the answer is lost


BEHAVIOURS = {
    "bounce": Behaviour("550, no such mailbox", refusal="unknown"),
    "unknown": Behaviour("550, no such mailbox", refusal="unknown"),
    "nouser": Behaviour("550, no such mailbox", refusal="unknown"),
    "disabled": Behaviour("550, the mailbox is disabled", refusal="disabled"),
    "full": Behaviour("452 4.2.2, the mailbox is full", refusal="full"),
    "overquota": Behaviour("552, the mailbox has been full for long", refusal="over_quota"),
    "greylist": Behaviour("451 until some time has passed since the first try", greylists=True),
    "defer": Behaviour("451, always", refusal="defer"),
    "defer-3": Behaviour("451 three times (any number), then accepted", tries=3),
    "block": Behaviour("refused for the reputation of the sending IP, which it names", refusal="blocked"),
    "spam": Behaviour("refused for its content, after the dot", spam=True),
    "slow": Behaviour("accepted after two seconds", slow=True),
    "hang": Behaviour("never answers the dot, and does not accept", hangs=True),
    "drop": Behaviour("cuts the connection after the dot, and has not accepted", cuts="lost"),
    "dropkeep": Behaviour("accepts, then cuts the connection instead of answering", cuts="kept"),
    "complaint": Behaviour("accepted; the recipient complains a moment later, and a report says so", complains=True, returns="complaint"),
    "late-bounce": Behaviour("accepted; a bounce comes back a moment later: no such mailbox", returns="bounce"),
    "late-full": Behaviour("accepted; a bounce comes back a moment later: the mailbox is full", returns="full"),
    "late-block": Behaviour("accepted; a bounce comes back a moment later: the sending IP is on a block list", returns="block"),
    "late-delay": Behaviour("accepted; a warning comes back that it is late", returns="delay"),
    "late-success": Behaviour("accepted; a report comes back that it was delivered", returns="success"),
    "vacation": Behaviour("accepted; a machine answers that the person is away", returns="vacation"),
    "challenge": Behaviour("accepted; a machine asks the sender to confirm", returns="challenge"),
}


def behaviour_of(address: str) -> Behaviour | None:
    """The behaviour that an address forces, or None for an ordinary mailbox."""
    local = address.rpartition("@")[0].partition("+")[0].lower()
    if (known := BEHAVIOURS.get(local)) is not None and local != "defer-3":
        return known
    match = _DEFER_TIMES.fullmatch(local)
    return Behaviour("451 so many times, then accepted", tries=int(match[1])) if match else None
