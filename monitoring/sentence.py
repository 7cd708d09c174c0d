"""The overview's first words: how things are, in one sentence with a state, and a second line with what else is known.

Pure. The worst comes first; what is well is said plainly and once. Never: claims what was not counted.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mailplatform.shell.formats import duration, listed, percent, plural, rate
from monitoring.situation import TRANSACTIONAL_LIMIT_S, ProviderNow, Situation


@dataclass(frozen=True, slots=True)
class Sentence:
    """A state and its words."""

    state: str
    words: str


def sentence(now: Situation) -> Sentence:
    """How things are."""
    return next(said for step in _STEPS if (said := step(now)))


def second_line(now: Situation) -> str:
    """What else is known, in one to three short sentences."""
    return " ".join(filter(None, (_transactional(now), _losses(now), _waiting_for_people(now))))


def _no_engine(now: Situation) -> Sentence | None:
    if now.engines:
        return None
    waits = f" {plural(now.queued, 'delivery waits', 'deliveries wait')}; nothing is lost." if now.queued else " What is accepted now waits; nothing is lost."
    return Sentence("broken", f"No mail leaves: no engine runs.{waits}")


def _late_transactional(now: Situation) -> Sentence | None:
    late_s = now.oldest_transactional_s
    if late_s is None or late_s < TRANSACTIONAL_LIMIT_S:
        return None
    return Sentence("broken", f"Transactional mail is late: the oldest has waited {duration(late_s)}, {duration(TRANSACTIONAL_LIMIT_S)} is the limit.")


def _broken_providers(now: Situation) -> Sentence | None:
    broken = [provider for provider in now.providers if provider.state == "broken"]
    if not broken:
        return None
    rest = "Other mail flows" if len(broken) < len(now.providers) else "Nothing is delivered anywhere else"
    return Sentence("broken", f"Nothing reaches {_names(broken)}. {rest}.")


def _missing_engines(now: Situation) -> Sentence | None:
    missing = now.engines_wanted - now.engines
    if missing <= 0:
        return None
    started = "one is" if missing == 1 else f"{missing} are"
    return Sentence("limited", f"Mail flows with {now.engines} of {plural(now.engines_wanted, 'engine')}; {started} being started.")


def _unwatched(now: Situation) -> Sentence | None:
    blind = now.zones - now.zones_watched
    if blind <= 0:
        return None
    return Sentence("limited", f"Mail flows, but {plural(blind, 'zone has', 'zones have')} no watcher: a node that dies there is found late.")


def _slow_providers(now: Situation) -> Sentence | None:
    slow = [provider for provider in now.providers if provider.state == "limited"]
    if not slow:
        return None
    if len(slow) == 1:
        return Sentence("good", f"Mail flows well. Only {slow[0].name} is slow, with {percent(slow[0].deferred_share)} of attempts deferred.")
    worst = max(slow, key=lambda provider: provider.deferred_share)
    return Sentence("limited", f"Mail flows, slowly at {_names(slow)}; {worst.name} defers {percent(worst.deferred_share)} of attempts.")


def _critical(now: Situation) -> Sentence | None:
    return Sentence("limited", f"Mail flows, and {plural(now.critical, 'thing needs', 'things need')} a person now.") if now.critical else None


def _quiet(now: Situation) -> Sentence | None:
    return Sentence("good", "Nothing is being sent at the moment; everything is ready.") if now.per_s == 0 and now.queued == 0 else None


def _well(now: Situation) -> Sentence | None:
    first = f", {percent(now.first_try)} of it at the first try" if now.first_try is not None else ""
    return Sentence("good", f"Mail flows well: {rate(now.per_s)} a second{first}.")


_STEPS: tuple[Callable[[Situation], Sentence | None], ...] = (
    _no_engine, _late_transactional, _broken_providers, _missing_engines, _unwatched, _slow_providers, _critical, _quiet, _well,
)  # fmt: skip


def _transactional(now: Situation) -> str:
    if not now.engines:
        return ""
    if now.oldest_transactional_s is None:
        return "No transactional mail waits."
    return f"The oldest transactional mail has waited {duration(now.oldest_transactional_s)}."


def _losses(now: Situation) -> str:
    if not now.given_back:
        return ""
    twice = f"{plural(now.went_twice, 'may have gone', 'may have gone')} twice" if now.went_twice else "none went twice"
    return f"In the last 24 hours {plural(now.given_back, 'delivery', 'deliveries')} came back from engines that died; {twice}."


def _waiting_for_people(now: Situation) -> str:
    return f"{plural(now.notices, 'thing waits', 'things wait')} for a person." if now.notices else "Nothing waits for a person."


def _names(providers: list[ProviderNow]) -> str:
    names = [provider.name for provider in providers[:3]]
    if len(providers) > 3:
        names.append(f"{len(providers) - 3} more")
    return listed(names)
