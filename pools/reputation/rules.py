"""Rules: which response rules close a path for a block, and for how long: where one has, reputation has no more answers to count, and takes over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pools.models import ResponseRule

A_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Closed:
    """A rule that suspends a path, or its IP."""

    duration: timedelta

    def fits(self, minute: datetime, until: datetime, slack: timedelta) -> bool:
        """Whether a suspension that ends then may have begun by a reply of that minute."""
        begun = until - self.duration
        return minute - slack <= begun <= minute + A_MINUTE + slack


def closing_rules() -> Mapping[str, Closed]:
    """By the rule's id."""
    rules = ResponseRule.objects.filter(enabled=True, reason__startswith="block.", action__kind="suspend", action__scope__in=("path", "ip"))
    return {id_: Closed(timedelta(seconds=action.get("duration_s") or 0)) for id_, action in rules.values_list("id", "action") if action.get("duration_s")}
