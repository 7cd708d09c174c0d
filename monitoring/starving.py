"""Starving: an engine that is silent because its machine has no processor left for it is not frozen.

A judgement of an agent's alone, which sees the process. Promises: who has waited for a processor for most of its silence is left alone, up to LEFT_S of
silence: it has written no dot since its lease ended, and goes on when it runs again; killing it would only add a start to the load. Who sleeps, is
stopped or runs without renewing has not waited, and is frozen. Where the kernel does not tell (schedstat) everybody is.
"""

from dataclasses import dataclass, field

from monitoring.judge import Judgement, Opinion
from monitoring.processes import Process

PART = 0.4  # of the silence, from its suspicion on
LEFT_S = 3.0


@dataclass(slots=True)
class Starving:
    """What is remembered of suspected engines: (their last renewal, how long they had been silent, how long their threads had waited in all)."""

    _since: dict[int, tuple[object, float, float]] = field(default_factory=dict)

    def excuses(self, judgement: Judgement, process: Process, renewal: object) -> bool:
        """Whether this judgement is not to be acted upon yet."""
        if judgement.opinion not in (Opinion.SUSPECTED, Opinion.SILENT) or (waited_s := process.waited_s()) is None:
            return False
        former, silent_s, before_s = self._since.setdefault(judgement.engine_id, (renewal, judgement.silent_s, waited_s))
        if former != renewal:  # it was heard in between
            self._since[judgement.engine_id] = renewal, judgement.silent_s, waited_s
            return False
        return judgement.opinion is Opinion.SILENT and judgement.silent_s < LEFT_S and waited_s - before_s > PART * (judgement.silent_s - silent_s)

    def forget(self, alive: set[int]) -> None:
        self._since = {engine: since for engine, since in self._since.items() if engine in alive}
