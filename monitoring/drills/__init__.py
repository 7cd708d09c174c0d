"""Drills: rehearsed disasters. What all of their parts share; nothing here touches a model, so that everybody may import it."""

from dataclasses import dataclass
from typing import Any, Protocol

from django.conf import settings


class Cursor(Protocol):
    """psycopg's and Django's cursors alike."""

    @property
    def rowcount(self) -> int: ...

    def execute(self, sql: str, values: Any = None) -> Any: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a drill is not started."""

    says: str


def allowed() -> bool:
    """Whether anything may be broken here on purpose."""
    return bool(settings.MAIL_MODE == "sandbox" or settings.DRILLS_IN_LIVE)
