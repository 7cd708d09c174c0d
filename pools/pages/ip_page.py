"""A sending IP's page: its scores by provider over a week, what was done with it, what others say of it. Read for one IP, by index."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pools.figures import PathRow
from pools.listings.figures import IpListings, listings_of
from pools.models import SendingIP
from pools.pages import deeds, heat
from pools.pages.deeds import Deed
from pools.pages.heat import Strip
from pools.pages.next_steps import whole_ip
from pools.pages.why import Made, made_of
from pools.reputation.policy import policy_now


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A provider's week. `path_id` 0: the IP as a whole."""

    name: str
    path_id: int
    state: str
    score: float | None
    strip: Strip

    @property
    def label(self) -> str:
        if self.strip.lowest is None or self.strip.lowest_at is None:
            return f"{self.name}: no score in the last 7 days"
        out = f", out in {self.strip.hours_out} of them" if self.strip.hours_out else ""
        return f"{self.name}, hour by hour over 7 days: lowest {self.strip.lowest:.0f} on {self.strip.lowest_at:%-d %b at %H:%M}{out}"


@dataclass(frozen=True, slots=True)
class IpPage:
    score: float | None
    rows: tuple[HeatRow, ...]
    deeds: tuple[Deed, ...]
    said: IpListings
    days: tuple[datetime, ...]
    warms: int  # of its paths, how many do
    made: Made | None
    rule: str  # when the whole IP leaves, as the policy has it

    @property
    def standing_deeds(self) -> tuple[Deed, ...]:
        """What is in force or proposed."""
        return tuple(deed for deed in self.deeds if deed.open)


def read(ip: SendingIP, paths: Sequence[PathRow], at: datetime) -> IpPage:
    by_provider = heat.hours_of(ip.pk, at)
    whole = heat.hours_of(ip.pk, at, scope="ip").get(0, [])
    score = whole[-1].last if whole else None
    own = [HeatRow("All providers", 0, "", score, heat.strip(whole, at))] if whole else []
    # Small providers have a strip only where there is something to see.
    shown = [one for one in paths if not one.path.provider.is_tail or one.state != "open"]
    rows = [HeatRow(str(one.path.provider), one.path.pk, one.state, one.path.score, heat.strip(by_provider.get(one.path.provider_id, ()), at)) for one in shown]
    rows.sort(key=lambda row: (row.state == "open", row.score or 0.0))
    warms = sum(one.path.warm_per_day is not None for one in paths)
    days = tuple(at - timedelta(days=n) for n in range(6, -1, -1))
    made, rule = made_of("ip", at, ip_id=ip.pk), whole_ip(policy_now())
    return IpPage(score, (*own, *rows), tuple(deeds.of_ip(ip)), listings_of([ip.pk])[ip.pk], days, warms, made, rule)

