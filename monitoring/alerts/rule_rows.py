"""Rows of the list of rules: each in words, and how it stands. A few statements, however many rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q

from mailplatform.shell.formats import listed, plural
from mailplatform.shell.models import Severity
from monitoring.alerts import words
from monitoring.alerts.models import AlertRule, AlertStanding
from monitoring.alerts.rules import rule_of
from monitoring.metrics import read
from monitoring.metrics.policy import policy


@dataclass(frozen=True, slots=True)
class Row:
    rule: AlertRule
    says: str
    state: str  # firing, pending, well, off, unknown
    pending: int
    open: int
    incident: int | None  # its newest open one
    last: datetime | None

    @property
    def look(self) -> str:
        return {"firing": "broken" if self.rule.severity >= Severity.CRITICAL else "limited", "pending": "waiting", "well": "good"}.get(self.state, "stopped")

    @property
    def stands(self) -> str:
        if self.state == "firing":
            return f"fires: {plural(self.open, 'incident')} open"
        if self.state == "pending":
            return f"breached by {plural(self.pending, 'subject')}, not for long enough yet"
        return {"well": "well", "off": "switched off"}.get(self.state, "its metric is not measured any more")


SHOWN: Mapping[str, Callable[[Row], bool]] = {
    "firing": lambda one: one.state in ("firing", "pending"), "off": lambda one: one.state == "off",
    "own": lambda one: not one.rule.shipped, "shipped": lambda one: bool(one.rule.shipped),
}  # fmt: skip


def rows() -> list[Row]:
    """What fires first."""
    found = AlertRule.objects.annotate(
        open=Count("incidents", filter=Q(incidents__resolved_at=None)), last=Max("incidents__opened_at"),
        newest=Max("incidents__pk", filter=Q(incidents__resolved_at=None)),
    )  # fmt: skip
    states = dict(AlertStanding.objects.values_list("rule_id", "state"))
    labels = {dimension: read.labels(dimension) for dimension in {rule.dimension for rule in found if rule.subjects}}
    made = [_row(rule, states.get(rule.pk, {}), labels.get(rule.dimension, {})) for rule in found]
    order = ("firing", "pending", "unknown", "well", "off")
    return sorted(made, key=lambda one: (order.index(one.state), -one.rule.severity, one.rule.name.lower()))


def of_kind(found: list[Row], show: str) -> list[Row]:
    """All of them, where it is none of SHOWN."""
    return [one for one in found if show not in SHOWN or SHOWN[show](one)]


def _row(rule: AlertRule, state: dict[str, dict[str, dict[str, object]]], labels: dict[str, str]) -> Row:
    judged = rule_of(rule)
    waiting = sum(1 for one in state.get("subjects", {}).values() if not one.get("fired_at"))
    stands = "off" if not rule.enabled else "unknown" if judged is None else "firing" if rule.open else "pending" if waiting else "well"  # type: ignore[attr-defined]
    says = words.of_rule(judged, [labels.get(key, key) for key in sorted(judged.subjects)]) if judged else f"{rule.metric} by {rule.dimension}"
    return Row(rule, says, stands, waiting, rule.open, rule.newest, rule.last)  # type: ignore[attr-defined]


def sentence(found: list[Row]) -> tuple[str, str]:
    """The look and the words of the first line."""
    if not policy().judging:
        return "stopped", "No rule is judged: that is switched off."
    firing = [one for one in found if one.state == "firing"]
    off = sum(one.state == "off" for one in found)
    rest = f"; {off} switched off" if off else ""
    if firing:
        worst = "broken" if any(one.rule.severity >= Severity.CRITICAL for one in firing) else "limited"
        names = listed([one.rule.name for one in firing[:2]] + ([f"{len(firing) - 2} more"] if len(firing) > 2 else []))
        return worst, f"{plural(len(firing), 'rule')} of {len(found) - off} {'fires' if len(firing) == 1 else 'fire'}: {names}{rest}."
    return "good", f"{plural(len(found) - off, 'rule is', 'rules are')} judged every ten seconds, and none fires{rest}."
