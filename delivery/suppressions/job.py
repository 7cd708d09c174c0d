"""The job that takes imports in: a part at a time, each in one transaction that also deletes the part.

Promises: killed at any moment it has either taken a part in whole or not at all, and whoever goes on counts nothing twice; two that work on one import
never meet (its row is locked, and the second leaves). A slice ends after SLICE_S and asks for the next one, so that other jobs have their turn. How it
fails: a database that goes away ends the slice, and `resume` goes on within a minute or two; anything else ends the import as failed and is said on it.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic

from django.db import InterfaceError, OperationalError, connection, transaction

from delivery.models import ImportState, SuppressionImport, SuppressionImportPart
from delivery.suppressions.intake import PREVIEW_FOR
from delivery.suppressions.recognise import Layout
from delivery.suppressions.rows import Refusal, Row, applies_to_stream, rows_of
from mailplatform.shell.clock import now
from pools.models import Stream

SLICE_S = 20.0
SILENT_FOR = timedelta(seconds=90)
SAMPLE = 100
KEPT_FOR = timedelta(days=90)
TASK = "delivery.jobs.import_suppressions"
log = logging.getLogger(__name__)

TAKE_IN = """
    INSERT INTO delivery_suppression (tenant_id, stream_id, address, reason, detail, created_at)
    SELECT %(tenant)s, stream_id, address, reason, detail, coalesce(at, %(now)s)
      FROM unnest(%(streams)s::int8[], %(addresses)s::text[], %(reasons)s::text[], %(details)s::text[], %(ats)s::timestamptz[])
        AS u(stream_id, address, reason, detail, at)
     ORDER BY address, stream_id
    ON CONFLICT DO NOTHING
"""


def enqueue(import_id: int) -> None:
    from django_q.tasks import async_task

    async_task(TASK, import_id, q_options={"task_name": f"import {import_id}"})


def run(import_id: int, slice_s: float = SLICE_S) -> str:
    """Work on one import for a slice."""
    ends = monotonic() + slice_s
    try:
        while (left := _next_part(import_id)) is not None:
            if left and monotonic() > ends:
                enqueue(import_id)
                return f"import {import_id}: {left} parts left"
    except (OperationalError, InterfaceError):
        raise
    except Exception as surprise:
        log.exception("import %s", import_id)
        _fail(import_id, f"{type(surprise).__name__}: {surprise}")
        return f"import {import_id} failed"
    return f"import {import_id} is not under way any more"


def _next_part(import_id: int) -> int | None:
    """Take the next part in; how many are left, None when there is nothing to do (any more, or for us)."""
    with transaction.atomic():
        found = SuppressionImport.objects.select_for_update(skip_locked=True).filter(pk=import_id, state__in=(ImportState.QUEUED, ImportState.RUNNING)).first()
        if found is None:
            return None
        part = SuppressionImportPart.objects.filter(of=found).order_by("number").first()
        found.moved_at = now()
        if part is None:
            found.state, found.finished_at = ImportState.DONE, found.moved_at
            found.save(update_fields=["state", "finished_at", "moved_at"])
            return None
        found.state = ImportState.RUNNING
        _take_in(found, part)
        found.save()
        part.delete()
        return found.parts - part.number


def _take_in(found: SuppressionImport, part: SuppressionImportPart) -> None:
    rows: list[Row] = []
    streams: dict[str, int | None] = dict(Stream.objects.filter(tenant_id=found.tenant_id).values_list("name", "id"))
    streams[""] = None
    for each in rows_of(part.content, part.first_line, Layout.from_json(found.layout), found.reason, found.moved_at):
        if isinstance(each, Row) and each.stream is not None and each.stream not in streams:
            each = Refusal(each.line, f"This tenant has no stream {each.stream[:60]!r}.", each.address[:80])
        if isinstance(each, Row):
            rows.append(each)
            continue
        found.refused += 1
        if len(found.refused_sample) < SAMPLE:
            found.refused_sample.append({"line": each.line, "problem": each.problem, "text": each.text.replace("\0", "\ufffd")})
    added = _insert(found, rows, streams)
    found.added += added
    found.already_there += len(rows) - added
    found.lines_done += part.lines


def _insert(found: SuppressionImport, rows: Sequence[Row], streams: dict[str, int | None]) -> int:
    if not rows:
        return 0
    chosen = found.stream_id
    with connection.cursor() as cursor:
        cursor.execute(TAKE_IN, {
            "tenant": found.tenant_id,
            "now": found.moved_at,
            "streams": [streams[row.stream] if row.stream is not None else chosen if applies_to_stream(row.reason) else None for row in rows],
            "addresses": [row.address for row in rows],
            "reasons": [row.reason for row in rows],
            "details": [row.detail for row in rows],
            "ats": [row.at for row in rows],
        })  # fmt: skip
        return cursor.rowcount


def _fail(import_id: int, problem: str) -> None:
    with transaction.atomic():
        found = SuppressionImport.objects.select_for_update().filter(pk=import_id).first()
        if found is not None and found.state in (ImportState.QUEUED, ImportState.RUNNING):
            end(found, ImportState.FAILED, problem[:500].replace("\0", "\ufffd"))


def end(found: SuppressionImport, state: ImportState, problem: str = "") -> None:
    """Under its lock: no more of it is taken in, and what is left of the file goes."""
    found.state, found.problem, found.finished_at = state, problem, now()
    found.save(update_fields=["state", "problem", "finished_at"])
    found.left.all().delete()


def cancel(import_id: int, tenant_id: int) -> bool:
    """What was taken in stays; False when it was over already."""
    with transaction.atomic():
        found = SuppressionImport.objects.select_for_update().filter(pk=import_id, tenant_id=tenant_id).first()
        if found is None or found.state not in (ImportState.PREVIEW, ImportState.QUEUED, ImportState.RUNNING):
            return False
        end(found, ImportState.CANCELLED)
    return True


def confirm(import_id: int, tenant_id: int, stream_id: int | None, reason: str) -> bool:
    """A person looked at the preview: take it in."""
    values = {"state": ImportState.QUEUED, "stream_id": stream_id, "reason": reason, "moved_at": now()}
    return bool(SuppressionImport.objects.filter(pk=import_id, tenant_id=tenant_id, state=ImportState.PREVIEW).update(**values))


def resume() -> str:
    """Each minute: go on with what nobody works on, forget previews that nobody confirmed and imports of long ago."""
    silent = SuppressionImport.objects.filter(state__in=(ImportState.QUEUED, ImportState.RUNNING), moved_at__lt=now() - SILENT_FOR)
    resumed = list(silent.values_list("pk", flat=True)[:10])
    for import_id in resumed:
        enqueue(import_id)
    SuppressionImport.objects.filter(state=ImportState.PREVIEW, created_at__lt=now() - PREVIEW_FOR).delete()
    SuppressionImport.objects.filter(finished_at__lt=now() - KEPT_FOR).delete()
    return f"{len(resumed)} imports of suppressions resumed"
