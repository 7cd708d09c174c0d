"""Gate: what all sessions of a process take together, and who has had enough.

Owns: the counts of sessions by address, the bytes of messages in hand, failed logins. Promises: counts come down as they went up; what it
remembers of strangers is bounded. An IPv6 client is its /64: it has all of those addresses (RFC 6177). Never: waits, speaks.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from ipaddress import ip_address

from delivery.smtpd.limits import Limits

FAILED_WITHIN_S = 600.0
_REMEMBERED = 20_000


def whose(address: str) -> str:
    """What an address is counted as."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)
    if parsed.version == 4 or mapped:
        return str(mapped or parsed)
    return str(ip_address(int(parsed) >> 64 << 64))


class Gate:
    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits, self._clock = limits, clock
        self.sessions: Counter[str] = Counter()
        self.held_bytes = 0
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()  # address → how often, since when

    # -- sessions -----------------------------------------------------------------------------------------------------

    def enter(self, address: str) -> str | None:
        """Why there is no room for another session, or None: it counts until `leave`."""
        if self.sessions.total() >= self.limits.sessions:
            return "421 4.3.2 Too many sessions; come back in a moment"
        who = whose(address)
        if self.sessions[who] >= self.limits.sessions_per_address:
            return "421 4.7.0 Too many sessions from your address"
        self.sessions[who] += 1
        return None

    def leave(self, address: str) -> None:
        who = whose(address)
        self.sessions[who] -= 1
        if self.sessions[who] <= 0:
            del self.sessions[who]

    # -- memory -------------------------------------------------------------------------------------------------------

    def has_room(self, size_bytes: int) -> bool:
        return self.held_bytes + size_bytes <= self.limits.bodies_bytes

    def hold(self, size_bytes: int) -> None:
        self.held_bytes += size_bytes

    def let_go(self, size_bytes: int) -> None:
        self.held_bytes -= size_bytes

    # -- logins -------------------------------------------------------------------------------------------------------

    def failed(self, address: str) -> float:
        """Count a failed login; how many seconds its answer is to wait."""
        who, now = whose(address), self._clock()
        count, since = self._failed.pop(who, (0, now))
        if now - since > FAILED_WITHIN_S:
            count, since = 0, now
        self._failed[who] = count + 1, since
        if len(self._failed) > _REMEMBERED:
            self._failed.popitem(last=False)
        return min(self.limits.login_delay_s * 2**count, 4.0)

    def is_shut(self, address: str) -> bool:
        """Whether this address has guessed enough for now."""
        count, since = self._failed.get(whose(address), (0, 0.0))
        return count >= self.limits.failed_logins and self._clock() - since <= FAILED_WITHIN_S
