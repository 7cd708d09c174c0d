"""Figures of the page DNS: every set as it stands, the worst first. Reads rows, decides nothing that the pilot would not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mailplatform.shell.formats import listed, milliseconds, plural
from monitoring.dns.decide import Decision, FailBack, Published, decide
from monitoring.dns.models import DnsChange, RecordSet, RecordTarget
from monitoring.dns.standing import all_sets, open_changes, rules_of, target_of
from monitoring.dns.update import preview
from monitoring.endpoints.models import Endpoint

_WORST_FIRST = ("broken", "limited", "working", "stopped", "good")


@dataclass(frozen=True, slots=True)
class TargetRow:
    target: RecordTarget
    endpoints: Sequence[Endpoint]
    lives: bool
    known: bool
    published: bool
    chosen: bool

    @property
    def word(self) -> str:
        return "not asked" if not self.endpoints else "not known" if not self.known else "alive" if self.lives else "dead"

    @property
    def look(self) -> str:
        return "stopped" if not self.endpoints or not self.known else "good" if self.lives else "broken"

    @property
    def since(self) -> datetime | None:
        return max((endpoint.since for endpoint in self.endpoints if endpoint.since), default=None)

    @property
    def place(self) -> str:
        return "primary" if self.target.priority == 0 else "backup" if self.target.priority == 1 else f"backup {self.target.priority}"


@dataclass(frozen=True, slots=True)
class SetRow:
    row: RecordSet
    targets: tuple[TargetRow, ...]
    change: DnsChange | None

    @property
    def only_what_lives(self) -> bool:
        """Whether everything that is published is a target that lives."""
        living = {one.target.value for one in self.targets if one.lives}
        return bool(self.row.published) and set(self.row.published) <= living

    @property
    def differs(self) -> bool:
        return bool(self.row.wanted) and sorted(self.row.wanted) != sorted(self.row.published)

    @property
    def look(self) -> str:
        if self.row.state == RecordSet.State.FOREIGN or (self.row.published and not self.only_what_lives):
            return "broken"
        if self.row.trouble or self.row.state in (RecordSet.State.UNREACHABLE, RecordSet.State.NEW):
            return "limited"
        if self.row.mode == RecordSet.Mode.OFF:
            return "stopped"
        return "working" if self.change else "limited" if self.differs else "good"

    @property
    def word(self) -> str:
        if self.change is not None:
            return "changing"
        if self.row.mode == RecordSet.Mode.OFF:
            return "paused"
        words = {"agreed": "published" if self.row.published else "not published", "foreign": "edited by somebody else", "new": "not asked yet"}
        return words.get(self.row.state, self.row.state)


def set_rows(sets: Iterable[RecordSet] | None = None) -> list[SetRow]:
    found = all_sets() if sets is None else list(sets)
    changes = open_changes(found)
    rows = [SetRow(row, tuple(_target(target, row) for target in row.targets.all()), changes.get(row.pk)) for row in found]
    return sorted(rows, key=lambda one: (_WORST_FIRST.index(one.look), one.row.name, one.row.type))


def _target(target: RecordTarget, row: RecordSet) -> TargetRow:
    asked = [endpoint for endpoint in target.endpoints.all() if endpoint.enabled]
    known = any(endpoint.state != Endpoint.State.UNKNOWN for endpoint in asked)
    return TargetRow(target, asked, target_of(target, row).lives, known, target.value in row.published, target.value in row.chosen)


def sentence(rows: Sequence[SetRow]) -> tuple[str, str]:
    """(look, the page's first line): do all names point only to what lives?"""
    if not rows:
        return "stopped", "No name is looked after yet."
    edited = [one for one in rows if one.row.state == RecordSet.State.FOREIGN]
    if edited:
        return "broken", f"{edited[0].row} was edited by somebody else, and is left alone until you decide."
    dead = [one for one in rows if one.row.published and not one.only_what_lives]
    if dead:
        return "broken", f"{plural(len(dead), 'name points', 'names point')} to something dead: {listed(str(one.row) for one in dead[:3])}."
    ill = [one for one in rows if one.row.trouble or one.row.state in (RecordSet.State.UNREACHABLE, RecordSet.State.NEW)]
    if ill:
        return "limited", f"Of {plural(len(ill), 'name')} it is not known: {listed(str(one.row) for one in ill[:3])}."
    differs = [one for one in rows if one.differs and one.change is None]
    if differs:
        return "limited", f"All names point to what lives; {differs[0].row} should be changed."
    empty = [one for one in rows if not one.row.published]
    if empty:
        return "limited", f"{empty[0].row} is not published yet."
    away = sum(any(target.published and target.target.priority > 0 for target in one.targets) for one in rows)
    if len(rows) == 1:
        return "good", f"The one name points only to what lives{', to a backup' if away else ''}."
    return "good", f"All {len(rows)} names point only to what lives{f', {away} of them to backups' if away else ''}."


def if_chosen(row: RecordSet, chosen: Sequence[str], now: datetime) -> Decision:
    """What would be published if a person chose these, or (with none) let the platform go back to what it prefers."""
    rules = replace(rules_of(row), fail_back=FailBack.AT_ONCE, least_between_s=0)
    return decide([target_of(target, row) for target in row.targets.all()], rules, Published(tuple(row.published), row.published_ttl_s), chosen, now)


def dry_run(row: RecordSet, after: Sequence[str], before: Sequence[str] | None = None) -> str:
    """The exact update, as nsupdate would be told it."""
    return preview(row.dns_zone.name, row.name, row.type, row.ttl_s, sorted(row.published if before is None else before), sorted(after))


def found_values(row: RecordSet) -> list[str]:
    """What the server that takes updates said when it was last asked."""
    first: dict[str, Any] = next(iter(row.found.values()), {}) if isinstance(row.found, dict) else {}
    return list(first.get("values", []))


@dataclass(frozen=True, slots=True)
class ChangeRow:
    change: DnsChange

    @property
    def took(self) -> str:
        """From the first failed knock (or the intention) to all servers saying so."""
        change = self.change
        if change.visible_at is None:
            return "–"
        start = change.first_sign_at if change.kind == DnsChange.Kind.FAILOVER and change.first_sign_at else change.at
        return milliseconds((change.visible_at - start).total_seconds() * 1000)

    @property
    def look(self) -> str:
        return {"visible": "good", "pushed": "working", "intended": "working", "refused": "broken"}.get(self.change.state, "stopped")


def history(row: RecordSet, most: int = 50) -> list[ChangeRow]:
    return [ChangeRow(change) for change in DnsChange.objects.filter(record_set=row)[:most]]
