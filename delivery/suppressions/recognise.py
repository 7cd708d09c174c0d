"""Recognise: whose file this is, by the names of its columns, and which column means what.

Owns: the list of known files and the words for reasons. Sources of the columns: docs/suppressions.md. Promises: a file that nobody knows is taken as a
plain list when one of its columns is called like an address or holds one; what a layout says is shown before anything is taken in. Pure.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

DELIMITERS = (",", ";", "\t", "|")
BOUNCE, COMPLAINT, UNSUBSCRIBE, MANUAL = "bounce", "complaint", "unsubscribe", "manual"

ADDRESS = ("address", "email", "emailaddress", "recipient", "mail", "recipientemail", "contactemail", "emailaddresses")
DETAIL = ("detail", "error", "status", "code", "description", "origin", "tags", "ip")
AT = ("createdat", "created", "lastupdatetime", "lastupdatedtime", "date", "timestamp", "suppressedat", "bouncedat")

WORDS = {
    "bounce": BOUNCE, "bounced": BOUNCE, "hardbounce": BOUNCE, "invalid": BOUNCE, "invalidemail": BOUNCE, "block": BOUNCE, "blocked": BOUNCE,
    "complaint": COMPLAINT, "spam": COMPLAINT, "spamcomplaint": COMPLAINT, "spamreport": COMPLAINT, "abuse": COMPLAINT,
    "unsubscribe": UNSUBSCRIBE, "unsubscribed": UNSUBSCRIBE, "optout": UNSUBSCRIBE, "globalunsubscribe": UNSUBSCRIBE, "groupunsubscribe": UNSUBSCRIBE,
    "manual": MANUAL, "manualsuppression": MANUAL, "manualblock": MANUAL,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """A kind of file: the columns that it has and those that it does not; what its rows mean when no column says it."""

    key: str
    title: str
    has: frozenset[str]
    reason: str = ""
    reason_column: str = ""
    lacks: frozenset[str] = frozenset()


def _known(key: str, title: str, has: str, reason: str = "", reason_column: str = "", lacks: str = "") -> Known:
    return Known(key, title, frozenset(has.split()), reason, reason_column, frozenset(lacks.split()))


# In this order: the first that fits.
KNOWN = (
    _known("ours", "an export of this platform", "address reason stream detail createdat", reason_column="reason"),
    _known("postmark", "Postmark suppressions", "suppressionreason", reason_column="suppressionreason"),
    _known("ses", "Amazon SES account-level suppression list", "emailaddress reason", reason_column="reason", lacks="status"),
    _known("mailgun_bounces", "Mailgun bounces", "address code error", BOUNCE),
    _known("mailgun_unsubscribes", "Mailgun unsubscribes", "address tags", UNSUBSCRIBE),
    _known("mailgun_complaints", "Mailgun complaints", "address createdat", COMPLAINT, lacks="reason email"),
    _known("sendgrid_bounces", "SendGrid bounces or blocks", "email reason status created", BOUNCE),
    _known("sendgrid_invalid", "SendGrid invalid emails", "email reason created", BOUNCE, lacks="status"),
    _known("sendgrid_spam_reports", "SendGrid spam reports", "email ip created", COMPLAINT),
    _known("sendgrid_unsubscribes", "SendGrid unsubscribes", "email created", UNSUBSCRIBE, lacks="reason ip status"),
)
PLAIN = Known("plain", "a list of addresses", frozenset())


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read the rows: `columns` names what is where, by number in CSV and by name in JSON lines."""

    format: str
    title: str
    kind: str  # csv or json
    delimiter: str = ","
    has_header: bool = True
    reason: str = ""  # of every row; empty: what a column says, or what was chosen
    columns: Mapping[str, Any] = field(default_factory=dict)  # address, reason, stream, detail (several), at, origin
    names: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Layout":
        return cls(**{**kept, "names": tuple(kept["names"])})


def normal(name: str) -> str:
    """A column's name without what differs between exports: case, spaces, `_` and `-`."""
    return "".join(char for char in name.lower() if char.isalnum())


def recognise(lines: Sequence[str]) -> Layout | None:
    """From the first lines of a file; None when no column can be an address."""
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("{"):
        return _of_json(first)
    delimiter = max(DELIMITERS, key=first.count)
    cells = [cell.strip() for cell in cells_of(first, delimiter)]
    names = [normal(cell) for cell in cells]
    if any(name in ADDRESS for name in names) and not any("@" in cell for cell in cells):
        return _of_header(names, cells, delimiter)
    return _without_header(cells, delimiter)


def cells_of(line: str, delimiter: str) -> list[str]:
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _of_header(names: Sequence[str], shown: Sequence[str], delimiter: str) -> Layout:
    known = _which(frozenset(names))
    return Layout(known.key, known.title, "csv", delimiter, True, known.reason, _columns(known, names, list(range(len(names)))), tuple(shown))


def _of_json(first: str) -> Layout | None:
    try:
        row = orjson.loads(first)
    except orjson.JSONDecodeError:
        return None
    shown = [str(name) for name in row]
    names = [normal(name) for name in shown]
    if not any(name in ADDRESS for name in names):
        return None
    known = _which(frozenset(names))
    return Layout(known.key, known.title, "json", "", False, known.reason, _columns(known, names, shown), tuple(shown))


def _which(names: frozenset[str]) -> Known:
    return next((known for known in KNOWN if known.has <= names and not known.lacks & names), PLAIN)


def _columns(known: Known, names: Sequence[str], places: Sequence[Any]) -> dict[str, Any]:
    at = dict(zip(reversed(names), reversed(places), strict=True))  # the first of two of one name
    reason_column = known.reason_column or ("" if known.reason else next((name for name in ("reason", "type") if name in at), ""))
    details = [name for name in (*DETAIL, *(("reason",) if known.reason else ())) if name in at]
    found = {
        "address": next(at[name] for name in ADDRESS if name in at),
        "reason": at.get(reason_column),
        "stream": at.get("stream") if known.key == "ours" else None,
        "at": next((at[name] for name in AT if name in at), None),
        "origin": at.get("origin") if known.key == "postmark" else None,
        "details": [at[name] for name in details if name != "detail" or known.key in ("ours", "plain")],
    }
    return {what: where for what, where in found.items() if where is not None}


def _without_header(cells: Sequence[str], delimiter: str) -> Layout | None:
    """No names: the column that holds an address, and beside it what SES takes for a bulk import (`address,BOUNCE`)."""
    place = next((number for number, cell in enumerate(cells) if "@" in cell), None)
    if place is None:
        return None
    columns: dict[str, Any] = {"address": place, "details": []}
    if len(cells) > place + 1 and normal(cells[place + 1]) in WORDS:
        columns["reason"] = place + 1
        return Layout("ses_bulk", "addresses with reasons, without a header (Amazon SES bulk file)", "csv", delimiter, False, "", columns)
    return Layout("plain", "a list of addresses without a header", "csv", delimiter, False, "", columns)
