"""Switches: a value of one row that a person changes with a button, and can take back.

Owns: the order of it: lock the row, change it when it differs, write the audit, offer the undo; all or none of it. An app says once which model
and field, which values and which words; its view says who may and where to go next. Never: decides who may.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from mailplatform.shell.audit import record_request
from mailplatform.shell.confirm import offer_undo, undoer

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Switch(Generic[Row]):
    """`kind` names it in the audit ("sending IP state"), `done` the action ("sending IP paused"); `told` and `again` are whole sentences."""

    kind: str
    model: type[Row]
    field: str
    values: Collection[Any]
    done: Callable[[Any], str]
    told: Callable[[Row], str]
    again: Callable[[Row], str]

    def __post_init__(self) -> None:
        undoer(self.kind)(self._take_back)

    def turn(self, request: HttpRequest, wanted: Any, **key: Any) -> Row:
        """The row, with `wanted` in it when that is one of the values; 404 when there is none."""
        with transaction.atomic():
            row = get_object_or_404(self._locked(), **key)
            before = getattr(row, self.field)
            if wanted in self.values and before != wanted:
                self._set(row, wanted)
                sentence = self.told(row)
                record_request(request, self.done(wanted), row, sentence)
                offer_undo(request, self.kind, f"{row._meta.verbose_name} {row}", sentence, to=before, pk=row.pk)
        return row

    def _take_back(self, request: HttpRequest, *, to: Any, pk: Any) -> str:
        with transaction.atomic():
            row = self._locked().get(pk=pk)
            self._set(row, to)
        return self.again(row)

    def _locked(self) -> Any:
        return self.model._default_manager.select_for_update(of=("self",))

    def _set(self, row: Row, value: Any) -> None:
        setattr(row, self.field, value)
        row.save(update_fields=[self.field])
