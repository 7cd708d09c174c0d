"""The overview's flow: purposes through pools to providers, from the figures of the last minute to the shell's drawing. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailplatform.shell.flow import Label, Link, Order
from mailplatform.shell.formats import plural, rate
from monitoring.figures import FlowRow
from pools.purposes import Purpose

PROVIDERS_SHOWN = 6
POOLS_SHOWN = 6
LETTERS = 15
OTHER_POOLS, OTHER_PROVIDERS = "pool:others", "provider:others"


@dataclass(frozen=True, slots=True)
class Flow:
    """What the shell draws, and what it shows in words."""

    links: tuple[Link, ...]
    labels: dict[str, Label]
    order: Order
    words: str


def make_flow(rows: Sequence[FlowRow]) -> Flow | None:
    """The drawing's parts; None when nothing flows."""
    rows = [row for row in rows if row.per_s > 0]
    if not rows:
        return None
    pools = _first(((row.pool, row.per_s) for row in rows), POOLS_SHOWN)
    providers = _first(((row.provider_id, row.per_s) for row in rows), PROVIDERS_SHOWN)
    links = tuple(
        Link(
            Purpose(row.purpose).label,
            f"pool:{row.pool}" if row.pool in pools else OTHER_POOLS,
            f"provider:{row.provider_id}" if row.provider_id in providers else OTHER_PROVIDERS,
            row.per_s,
        )
        for row in rows
    )
    labels = _labels(rows, links)
    return Flow(links, labels, _order(links), _words(links, labels))


def _first(pairs: Iterable[tuple[object, float]], most: int) -> set[object]:
    return {key for key, _ in _totals(pairs).most_common(most)}


def _totals(pairs: Iterable[tuple[object, float]]) -> "Counter[object]":
    totals: Counter[object] = Counter()
    for key, value in pairs:
        totals[key] += value  # type: ignore[assignment]  # a rate, not a count
    return totals


def _order(links: Sequence[Link]) -> Order:
    """Purposes in their own order; pools as their mail comes, so that ribbons cross little; providers by size, the others last."""
    purposes = [purpose.label for purpose in Purpose if any(link.left == purpose.label for link in links)]
    first_purpose = {link.middle: min(purposes.index(other.left) for other in links if other.middle == link.middle) for link in links}
    pools = sorted(first_purpose, key=lambda pool: (pool == OTHER_POOLS, first_purpose[pool], pool))
    sizes = _totals((link.right, link.value) for link in links)
    providers = sorted((str(key) for key in sizes), key=lambda provider: (provider == OTHER_PROVIDERS, -sizes[provider]))
    return purposes, pools, providers


def _labels(rows: Sequence[FlowRow], links: Sequence[Link]) -> dict[str, Label]:
    sums = {side: _totals((getattr(link, side), link.value) for link in links) for side in ("left", "middle", "right")}
    labels = {str(key): Label(str(key).capitalize(), f"{rate(value)} a second") for key, value in sums["left"].items()}
    labels |= {str(key): Label(str(key).removeprefix("pool:"), rate(value)) for key, value in sums["middle"].items()}
    known = {f"provider:{row.provider_id}": row.provider for row in rows}
    others = len({key for key in known if key not in sums["right"]})
    for key, value in sums["right"].items():
        provider = known.get(str(key))
        name = _fitting(provider.name) if provider else plural(others, "other")
        labels[str(key)] = Label(name, rate(value), provider.state if provider else "good")
    return labels


def _fitting(name: str) -> str:
    """As many letters as stand between a bar and its figure."""
    return name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"


def _words(links: Sequence[Link], labels: dict[str, Label]) -> str:
    """What one sees in it."""
    purposes = ", ".join(f"{purpose} {rate(float(value))}" for purpose, value in _totals((link.left, link.value) for link in links).items())
    (largest, most), *_ = _totals((link.right, link.value) for link in links).most_common(1)
    troubled = [label.name for key, label in labels.items() if key.startswith("provider:") and label.state not in ("", "good")]
    trouble = f" In trouble: {', '.join(troubled)}." if troubled else ""
    first = f"The largest provider is {labels[str(largest)].name} with {rate(float(most))}."
    return f"Messages a second from purposes through pools to providers: {purposes}. {first}{trouble}"
