"""Requests of a tenant and what becomes of them: the values that `accept`, `together` and whoever asks them share. Nothing here does anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from delivery.queue.put import NewMessage
from delivery.submit.facts import TenantFacts
from delivery.submit.idempotency import Clash, Token
from delivery.submit.store import Ready
from mailplatform.shell.clock import now
from mailplatform.shell.problems import Problem


class Why(Enum):
    """The kinds of refusal."""

    INVALID = "invalid"
    TENANT = "tenant"
    OVER_CAP = "over_cap"
    CLASH = "clash"


class Refused(Exception):
    """Nothing was stored, and this is why."""

    def __init__(
        self, why: Why, sentence: str = "", problems: Sequence[Problem] = (), clash: Clash | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(sentence)
        self.why, self.sentence, self.problems, self.clash, self.retry_after_s = why, sentence, tuple(problems), clash, retry_after_s


@dataclass(frozen=True, slots=True)
class Request:
    """What came: the messages as JSON values (or Submissions that were understood already), from whom, and how they are to be named in problems and in
    the answer."""

    tenant_id: int
    submitted_by: str
    items: Sequence[object]
    place_of: Callable[[int], str]
    answer_of: Callable[[Sequence[NewMessage]], Any]
    token: Token | None = None
    at: datetime = field(default_factory=now)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer's body; `replayed` when it is the first one's again."""

    body: Any
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that passed every check that needs no transaction, composed."""

    request: Request
    ready: Sequence[Ready]
    facts: TenantFacts
    recipients: Sequence[str]
