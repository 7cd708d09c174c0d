"""What tests, drills and the demo may do to the simulated world while it runs.

`Control.do({"action": …})` is the whole of POST /api/control; an unknown action or parameter is a ValueError whose text says
what there is. Changes for "*" also hold for providers that are first seen later.
"""

import asyncio
import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .names import normal
from .provider import Provider
from .zones import MODES

if TYPE_CHECKING:
    from .world import World

_BREAKS = ("block", "defer", "refuse", "silent", "reset")
_LONGEST_BREAK_S = 86_400
_OUTAGES = ("refused", "busy", "silent", "reset")
_NO_LIMITS = {
    "connections_per_ip": 0,
    "messages_per_connection": 0,
    "messages_per_second": 0,
    "messages_per_minute": 0,
    "messages_per_hour": 0,
    "close_at_limit": False,
    "burst_per_s": 0.0,
}
_DNS = ("ok", "dead", "servfail")


class Control:
    """The actions; each is a method `_action_<name>`."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self._broken_everywhere: dict[str, str] = {}
        self._turns: dict[tuple[str, str], int] = {}
        self._habits_everywhere: dict[str, object] = {}

    def do(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one action; returns what it changed."""
        rest = dict(order)
        name = str(rest.pop("action", ""))
        method = getattr(self, f"_action_{name}", None)
        if method is None:
            raise ValueError(f"There is no action '{name}'; there are {', '.join(self.names())}.")
        try:
            result = method(**rest)
        except TypeError as error:
            raise ValueError(f"'{name}' does not fit these parameters: {error}") from None
        return {"action": name, "done": True, **(result or {})}

    def names(self) -> list[str]:
        """All actions."""
        return sorted(m.removeprefix("_action_") for m in dir(self) if m.startswith("_action_"))

    def prepare(self, provider: Provider) -> None:
        """Give a provider that is first seen what was done to all."""
        provider.broken.update(self._broken_everywhere)
        if self._habits_everywhere:
            provider.set_habits(provider.habits.changed(self._habits_everywhere))

    def _providers(self, name: str) -> list[Provider]:
        """A provider, all of them ("*"), all small servers ("small")."""
        if name == "*":
            return self.world.big() + self.world.small()
        if name == "small":
            return self.world.small()
        return [self.world.provider_named(name)]

    # -- front doors --------------------------------------------------------------------------------------------------
    def _action_front(self, address: str, shut_s: float) -> None:
        """Shut a front door for so long; 0 opens it again."""
        self.world.fronts.shut(address, shut_s)

    # -- sending IPs ------------------------------------------------------------------------------------------------
    def _action_break(self, ip: str, provider: str = "*", mode: str = "block", for_s: float = 0) -> None:
        """An IP is no longer liked: block, defer (by reputation), refuse (421), silent or reset (at connect). With `for_s` it heals by itself after so long."""
        _one_of(mode, _BREAKS)
        if not 0 <= for_s <= _LONGEST_BREAK_S:
            raise ValueError(f"'for_s' is a number from 0 to {_LONGEST_BREAK_S}, not {for_s!r}.")
        for one in self._providers(provider):
            one.broken[ip] = mode
            if mode in ("refuse", "silent", "reset", "block"):
                self._cut(one, ip)
        if provider == "*":
            self._broken_everywhere[ip] = mode
        turn = self._turns[ip, provider] = self._turns.get((ip, provider), 0) + 1
        if for_s:
            self.world.spawn(self._heal_later(ip, provider, for_s, turn))

    async def _heal_later(self, ip: str, provider: str, for_s: float, turn: int) -> None:
        await asyncio.sleep(for_s)
        if self._turns.get((ip, provider)) == turn:  # nobody broke or healed it since
            self._action_heal(ip, provider)

    def _action_heal(self, ip: str, provider: str = "*") -> None:
        """The IP is liked again, as a new one."""
        self._turns[ip, provider] = self._turns.get((ip, provider), 0) + 1
        for one in self._providers(provider):
            one.broken.pop(ip, None)
            one.reputations.pop(ip, None)
        if provider == "*":
            self._broken_everywhere.pop(ip, None)

    def _action_reputation(self, ip: str, provider: str, level: float) -> None:
        """Set the hidden reputation, 0..1."""
        if not 0 <= level <= 1:
            raise ValueError(f"'level' is a number from 0 to 1, not {level!r}.")
        for one in self._providers(provider):
            one.reputation(ip).level = level

    def _action_complain(self, ip: str, provider: str, count: int = 1) -> None:
        """So many complaints about mail from this IP."""
        for one in self._providers(provider):
            for _ in range(min(int(count), 10_000)):
                one.complaint(ip)

    # -- providers --------------------------------------------------------------------------------------------------
    def _action_outage(self, provider: str, on: bool = True, mode: str = "refused", for_s: float = 0) -> None:
        """A provider's servers are down (refused), busy (421 at the banner), silent, or reset every connection. With `for_s` it ends by itself."""
        _one_of(mode, _OUTAGES)
        if not 0 <= for_s <= _LONGEST_BREAK_S:
            raise ValueError(f"'for_s' is a number from 0 to {_LONGEST_BREAK_S}, not {for_s!r}.")
        turn = self._turns["outage", provider] = self._turns.get(("outage", provider), 0) + 1
        if on and for_s:
            self.world.spawn(self._end_outage_later(provider, for_s, turn))
        for one in self._providers(provider):
            if one.outage == "refused":
                self.world.addresses.listen_again(one.site.key)
            one.outage = mode if on else ""
            if on:
                self._cut(one, None)
            if one.outage == "refused":
                self.world.addresses.refuse(one.site.key)

    async def _end_outage_later(self, provider: str, for_s: float, turn: int) -> None:
        await asyncio.sleep(for_s)
        if self._turns.get(("outage", provider)) == turn:  # nobody began or ended one since
            self._action_outage(provider, on=False)

    def _action_habits(self, provider: str, **habits: Any) -> dict[str, Any]:
        """Change limits and other habits, by name."""
        changed = self._providers(provider)
        new = [one.habits.changed(habits) for one in changed]  # all or nothing
        for one, wanted in zip(changed, new, strict=True):
            one.set_habits(wanted)
        if provider == "*":
            self._habits_everywhere.update(habits)
        return {"providers": len(changed)}

    def _action_no_limits(self, provider: str = "*") -> dict[str, Any]:
        """Lift every limit and stop caring for bursts, for benchmarks."""
        return self._action_habits(provider, **_NO_LIMITS)

    def _action_watch_windows(self, seconds: list[float], provider: str = "*") -> None:
        """Count what each source IP brings in any window of these lengths, from now on; the busiest ones stand in /api/state."""
        if not seconds or not all(isinstance(one, (int, float)) and not isinstance(one, bool) and one > 0 for one in seconds):
            raise ValueError(f"'seconds' is a list of positive numbers, not {seconds!r}.")
        for one in self._providers(provider):
            one.busiest.watch(seconds)

    def _action_latency(self, ms: float, provider: str = "*") -> dict[str, Any]:
        """Every answer comes so much later."""
        return self._action_habits(provider, latency_ms=ms)

    # -- the DNS ----------------------------------------------------------------------------------------------------
    def _action_dns(self, mode: str) -> None:
        """ok, dead (no answers), servfail."""
        _one_of(mode, _DNS)
        self.world.directory.mode = mode

    def _action_dnsbl_add(self, ip: str, zone: str = "zen", code: str = "127.0.0.2") -> None:
        """List an address (or, on dbl, a domain)."""
        self.world.lists.add(zone, ip, code)

    def _action_dnsbl_remove(self, ip: str, zone: str = "zen") -> None:
        """Take it off."""
        self.world.lists.remove(zone, ip)

    def _action_dnsbl_error(self, zone: str = "zen", code: str = "127.255.255.254", on: bool = True) -> None:
        """A list answers every question with an error code."""
        self.world.lists.set_error(zone, code if on else "")

    def _action_dnsbl_mode(self, zone: str = "zen", mode: str = "ok") -> None:
        """ok, wildcard (lists everything), empty (knows nobody), servfail, silent."""
        _one_of(mode, MODES)
        self.world.lists.set_mode(zone, mode)

    def _action_ptr(self, ip: str, name: str = "", on: bool = True) -> None:
        """An address's PTR says another name ("": there is none), until it is turned off."""
        reverse = ipaddress.ip_address(ip).reverse_pointer
        if on:
            self.world.directory.names_of[reverse] = [normal(name)] if name else []
        else:
            self.world.directory.names_of.pop(reverse, None)

    # -- the record -------------------------------------------------------------------------------------------------
    def _action_forget_accepted(self) -> None:
        """Forget every accepted message (their numbers go on)."""
        self.world.spawn(self.world.store.clear())

    def _action_reset_counts(self) -> None:
        """Counts and violations start at nothing; accepted messages stay."""
        for one in self.world.providers.values():
            one.counts.clear()
            one.violations.clear()
            one.codes.clear()

    def _cut(self, provider: Provider, ip: str | None) -> None:
        for session in list(self.world.sessions):
            if session.provider is provider and (ip is None or session.ip == ip):
                session.transport.abort()


def _one_of(mode: str, modes: tuple[str, ...]) -> None:
    if mode not in modes:
        raise ValueError(f"'mode' is one of {', '.join(modes)}, not {mode!r}.")
