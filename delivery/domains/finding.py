"""What one look found out about one thing: right, wrong with what was seen, or not to be asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mailplatform.shell.ask import Answer as DnsAnswer
from mailplatform.tenants.models import DomainCheck

Answer = DomainCheck.Answer
MOST_SEEN, LONGEST_SEEN = 10, 600


@dataclass(frozen=True, slots=True)
class Finding:
    """`caution`: right, and yet something that a person should know. `seen` is quoted from DNS, within bounds."""

    kind: str
    answer: Answer
    sentence: str
    subject: str = ""
    expected: str = ""
    seen: tuple[str, ...] = ()
    caution: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def seen(rows: Sequence[str]) -> tuple[str, ...]:
    """Rows for people: NUL and control characters made visible, long ones cut, many left out."""
    shown = [_printable(row) for row in rows[:MOST_SEEN]]
    return (*shown, f"… and {len(rows) - MOST_SEEN} more") if len(rows) > MOST_SEEN else tuple(shown)


def not_asked(kind: str, name: str, answer: DnsAnswer, subject: str = "", expected: str = "") -> Finding:
    return Finding(kind, Answer.UNKNOWN, f"{name} could not be asked: {answer.why}. It is asked again soon; this counts as nothing.", subject, expected)


def _printable(text: str) -> str:
    clean = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text[: LONGEST_SEEN + 1])
    return clean[:LONGEST_SEEN] + "…" if len(clean) > LONGEST_SEEN else clean
