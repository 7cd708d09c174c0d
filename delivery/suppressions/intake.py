"""Intake: an uploaded file becomes an import with its parts, in one transaction; a person's waits to be confirmed, a program's is queued at once.

Promises: at most one unfinished import a tenant (a preview that nobody confirmed gives way to the next), a file of at most MAX_BYTES and MAX_LINES,
whose parts are deleted as they are taken in, or with the import when it is cancelled, forgotten or fails. Refusals name what is wrong and store
nothing.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, islice
from typing import Any, BinaryIO

from django.db import IntegrityError, transaction

from delivery.models import ImportState, Suppression, SuppressionImport, SuppressionImportPart
from delivery.suppressions.recognise import ADDRESS, Layout, normal, recognise
from delivery.suppressions.text import CHUNK_BYTES, Reader, parts_of
from mailplatform.shell.clock import now

MAX_BYTES = 100 * 1024 * 1024
MAX_LINES = 1_000_001  # a header, and a million addresses
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024  # a JSON document is read whole
HEAD_LINES = 50
PREVIEW_FOR = timedelta(hours=1)


class Refused(Exception):
    """Nothing was stored, and this is why."""

    def __init__(self, sentence: str, too_large: bool = False, busy: bool = False) -> None:
        super().__init__(sentence)
        self.sentence, self.too_large, self.busy = sentence, too_large, busy


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that can be read from its start, and what its sender chose; an empty reason: as the file says."""

    tenant_id: int
    file: BinaryIO
    name: str
    by: str
    stream_id: int | None = None
    reason: str = ""


def take(upload: Upload, state: ImportState) -> SuppressionImport:
    """Store it as PREVIEW or QUEUED."""
    size_bytes = _size(upload.file)
    if size_bytes > MAX_BYTES:
        raise Refused(f"A file has at most {MAX_BYTES // 1024 // 1024} MB; split it.", too_large=True)
    upload.file.seek(0)
    reader = Reader(upload.file)
    lines = _counted(_document(upload.file) if _is_document(upload.file) else reader.lines())
    head = list(islice(lines, HEAD_LINES))
    layout = recognise(head)
    if layout is None:
        raise Refused("No column of this file holds addresses: name one of them address or email, or put the address first." if head else "The file is empty.")
    at = now()
    with transaction.atomic():
        SuppressionImport.objects.filter(tenant_id=upload.tenant_id, state=ImportState.PREVIEW).delete()
        made = _begun(upload, size_bytes, state, layout, at)
        made.lines = made.parts = 0
        for number, part in enumerate(parts_of(chain(head, lines)), start=1):
            SuppressionImportPart.objects.create(of=made, number=number, first_line=part.first_line, lines=part.lines, content=part.content)
            made.lines, made.parts = made.lines + part.lines, number
        made.encoding = reader.encoding
        made.save(update_fields=["lines", "parts", "encoding"])
    return made


def _begun(upload: Upload, size_bytes: int, state: ImportState, layout: Layout, at: Any) -> SuppressionImport:
    try:
        with transaction.atomic():
            return SuppressionImport.objects.create(
                tenant_id=upload.tenant_id, stream_id=upload.stream_id, state=state, file_name=_name(upload.name), size_bytes=size_bytes, encoding="",
                layout=layout.as_json(), reason=upload.reason or layout.reason or Suppression.Reason.MANUAL, parts=0, lines=0, created_by=upload.by[:200],
                created_at=at, moved_at=at,
            )  # fmt: skip
    except IntegrityError:
        raise Refused("Another import of this tenant is under way: wait until it is done, or cancel it.", busy=True) from None


def _name(name: str) -> str:
    return "".join(char for char in name if char.isprintable())[:200]


def _size(file: BinaryIO) -> int:
    """Leaves the file at its end."""
    return file.seek(0, 2)


def _counted(lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if number > MAX_LINES:
            raise Refused(f"A file has at most {MAX_LINES - 1:,} addresses; split it.", too_large=True)
        yield line


def _is_document(file: BinaryIO) -> bool:
    """JSON that is one value, and not one object a line."""
    file.seek(0)
    start = file.read(CHUNK_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    if start[:1] not in (b"{", b"["):
        return False
    try:
        row = json.loads(start.partition(b"\n")[0])
    except ValueError:
        return True
    return not (isinstance(row, dict) and any(normal(str(name)) in ADDRESS for name in row))


def _document(file: BinaryIO) -> Iterator[str]:
    """The objects of the first list in the document, one a line: what SES and Postmark answer when they are asked for a list."""
    if _size(file) > MAX_DOCUMENT_BYTES:
        raise Refused(f"A JSON document has at most {MAX_DOCUMENT_BYTES // 1024 // 1024} MB; send one object a line, or CSV.", too_large=True)
    file.seek(0)
    try:
        value = json.loads(file.read().decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Refused("This is not JSON.") from None
    if isinstance(value, dict):
        value = next((inner for inner in value.values() if isinstance(inner, list)), None)
    if not isinstance(value, list):
        raise Refused("The JSON document holds no list.")
    return (json.dumps(row, ensure_ascii=False).replace("\0", "\ufffd") for row in value)
