"""Caps: what warming lets a path send, written where engines read it.

Owns: `pools_path.warm_per_hour`, `warm_per_day`, `warmed`, and `pools_sendingip.warm_default_*`, which binds every path of the IP that warming has said nothing
of: the small providers of the long tail, from their first message on. Promises: called in the transaction of the decision that it carries out; a cap
is lifted (NULL, and `warmed`) by a finished or cancelled warm-up alone. Never: decides.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from pools.models import Path, SendingIP
from warming.warmups import WarmingPolicy, Warmup

HOUR_S, DAY_S = float(getattr(settings, "ALLOWANCE_HOUR_S", 3600)), float(getattr(settings, "ALLOWANCE_DAY_S", 86_400))  # the engines'
TAIL = "default"  # the catalogue's profile of small providers
LIFTED = (Warmup.State.FINISHED, Warmup.State.CANCELLED)
_USED = """
    SELECT path_id, coalesce(sum(reserved) FILTER (WHERE window_s = 3600), 0), coalesce(sum(reserved) FILTER (WHERE window_s = 86400), 0)
      FROM pools_allowancebucket
     WHERE path_id = ANY (%s) AND bucket_start > platform_now() - make_interval(secs => window_s)
     GROUP BY path_id
"""


@dataclass(frozen=True, slots=True)
class Used:
    """What of its caps a path has reserved in the rolling windows."""

    hour: int = 0
    day: int = 0


def write_caps(warmup: Warmup, policy: WarmingPolicy | None = None) -> None:
    """What this warm-up lets its path send, from now on."""
    lifted = warmup.state in LIFTED
    hour, day = (None, None) if lifted else caps_now(warmup, policy)
    if warmup.provider.key == TAIL:
        SendingIP.objects.filter(pk=warmup.ip_id).update(warm_default_per_hour=hour, warm_default_per_day=day)
    Path.objects.filter(pk=warmup.path_id).update(warm_per_hour=hour, warm_per_day=day, warmed=lifted)


def caps_now(warmup: Warmup, policy: WarmingPolicy | None) -> tuple[int, int]:
    """An hour's and a day's. Where a day is shorter than the engines' day, each short day gives its cap anew, on top of what was used."""
    if warmup.state == Warmup.State.PAUSED:
        return 0, 0
    if policy is None or not is_short(policy):
        return warmup.cap_per_hour, warmup.cap_per_day
    day = warmup.day_base + warmup.cap_per_day
    return day, day  # where an hour may take the whole day's, engines spread nothing


def is_short(policy: WarmingPolicy) -> bool:
    """Whether days pass quicker than the engines count them: in the sandbox alone."""
    return settings.MAIL_MODE == "sandbox" and policy.day_s < DAY_S


def day_s(policy: WarmingPolicy | None) -> float:
    """How long a day of warming lasts."""
    return DAY_S if policy is None or not is_short(policy) else float(policy.day_s)


def used_of(path_ids: Collection[int]) -> dict[int, Used]:
    """What is reserved of these paths' caps in the last hour and day, by path."""
    with connection.cursor() as cursor:
        cursor.execute(_USED, [list(path_ids)])
        return {path: Used(int(hour), int(day)) for path, hour, day in cursor.fetchall()}
