"""Choose: which of an engine's paths takes a claimed delivery, and why. Pure but for the paths it reads.

Inside the engine the open path with the best score, and among equals the one with least in hand, takes the delivery.
"""

from collections.abc import Callable
from datetime import datetime

from delivery.engine.path import Path
from delivery.engine.world import World
from delivery.queue.claim import Claim

PathOf = Callable[[int, int], Path]


def choose(claim: Claim, world: World, path_of: PathOf, now_s: float, now: datetime) -> tuple[Path | None, dict[str, object]]:
    """The path that takes a claimed delivery, and why; None when none of them is open any more."""
    members = world.own_members(claim.pool_id)
    paths = {ip: path_of(ip, claim.provider_id) for ip in members}
    usable = [ip for ip, path in paths.items() if path.open(now_s)]
    fresh = [ip for ip in usable if ip not in claim.avoid_ip_ids] or usable
    if claim.sticky_ip_id in fresh:
        fresh = [claim.sticky_ip_id]
    if not fresh:
        return None, {}
    best = min(fresh, key=lambda ip: (members[ip] + paths[ip].handicap_ms(), paths[ip].in_hand))
    waited_ms = max(0, round((now - claim.ready_at).total_seconds() * 1000))
    others = [
        {"ip": world.ips[ip].address, "score": round(path.score()), "handicap_ms": members[ip] + path.handicap_ms(), "state": _word(ip, path, claim, now_s)}
        for ip, path in paths.items()
        if ip != best
    ]
    why = {"waited_ms": waited_ms, "score": round(paths[best].score()), "handicap_ms": members[best] + paths[best].handicap_ms(), "others": others[:8]}
    return paths[best], why


def _word(ip: int, path: Path, claim: Claim, now_s: float) -> str:
    """Why this one did not win, in a word of the closed set: avoided, closed, full, open."""
    if ip in claim.avoid_ip_ids:
        return "avoided"
    if not path.open(now_s):
        return "closed"
    return "open" if path.room(now_s) else "full"
