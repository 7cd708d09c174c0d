"""What providers' files say of us: Microsoft SNDS as CSV, Google Postmaster Tools as CSV or as the API's JSON.

Pure. Promises: any bytes give rows and sentences about lines that could not be read, never an exception; at most MAX_BYTES, MAX_ROWS rows, MAX_TOLD sentences.
Shapes: SNDS "automated data access" (fourteen columns, with or without their heads); Postmaster v1 trafficStats; v2 domainStats (metric, date, value).
What a grade means is ours: SNDS green, yellow, red (under 10 %, to 90 %, above of its mail is spam to Microsoft); Google's spam rate by its own
bounds of 0.1 % and 0.3 %, and v1's four reputations.
"""

import codecs
import csv
import io
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from pools.listings.models import ProviderGrade

MAX_BYTES = 1_000_000
MAX_ROWS = 20_000
MAX_TOLD = 200
LONGEST_CELL = 500
Grade, Source = ProviderGrade.Grade, ProviderGrade.Source
_SNDS = (
    "ip address", "activity start", "activity end", "rcpt commands", "data commands", "message recipients", "filter result", "complaint rate",
    "trap message period start", "trap message period end", "trap hits", "sample helo", "sample mail from", "comments",
)  # fmt: skip
_COLOURS = {"green": Grade.GOOD, "yellow": Grade.FAIR, "red": Grade.BAD}
_REPUTATIONS = {"high": Grade.GOOD, "medium": Grade.FAIR, "low": Grade.POOR, "bad": Grade.BAD}
_WORST = (Grade.BAD, Grade.POOR, Grade.FAIR, Grade.GOOD)
_PROVIDER = {Source.SNDS: "microsoft_consumer", Source.POSTMASTER: "google"}
_DAYS = ("%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y%m%d", "%b %d, %Y", "%d %b %Y")
_DOMAIN = re.compile(r"(?=.{3,253}$)([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


@dataclass(frozen=True, slots=True)
class Row:
    """One subject on one day. `line`: where it stands."""

    source: str
    subject: str
    is_ip: bool
    day: date
    grade: str
    said: str
    figures: dict[str, Any]
    line: int

    @property
    def provider(self) -> str:
        return _PROVIDER[Source(self.source)]


@dataclass(frozen=True, slots=True)
class Parsed:
    """`unreadable`: line and why. `what`: in words, empty when nothing was recognised."""

    what: str = ""
    rows: tuple[Row, ...] = ()
    unreadable: tuple[tuple[int, str], ...] = ()


@dataclass(slots=True)
class _Reading:
    rows: dict[tuple[str, date], Row] = field(default_factory=dict)
    told: list[tuple[int, str]] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """The same subject and day again: the worse grade stays, whatever the file's order."""
        key = (row.subject, row.day)
        before = self.rows.get(key)
        if before is not None:
            row = Row(row.source, row.subject, row.is_ip, row.day, worst((before.grade, row.grade)), row.said or before.said,
                      {**before.figures, **row.figures}, before.line)  # fmt: skip
        if before is not None or len(self.rows) < MAX_ROWS:
            self.rows[key] = row
        else:
            self.tell(row.line, f"the file has more than {MAX_ROWS:,} rows: what follows is left out")

    def tell(self, line: int, why: str) -> None:
        if len(self.told) < MAX_TOLD:
            self.told.append((line, why))

    def parsed(self, what: str) -> Parsed:
        return Parsed(what, tuple(self.rows.values()), tuple(self.told))


def parse(raw: bytes, domain: str = "") -> Parsed:
    """Whatever it is. `domain`: whose figures they are, for Google's CSV, which does not say."""
    if len(raw) > MAX_BYTES:
        return Parsed(unreadable=((0, f"the file is larger than {MAX_BYTES // 1000:,} kB"),))
    text = decoded(raw).replace("\x00", "")
    if text.lstrip()[:1] in ("{", "["):
        return _json(text)
    return _csv(text, domain.strip().lower().rstrip("."))


def decoded(raw: bytes) -> str:
    """By its byte order mark, else UTF-8, else as Windows writes it: any bytes are some text."""
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if raw.startswith(mark):
            return raw.decode(encoding, "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def worst(grades: Iterable[str]) -> str:
    given = set(grades)
    return next((grade for grade in _WORST if grade in given), Grade.NONE)


# -- CSV ---------------------------------------------------------------------------------------------------------------
def _csv(text: str, domain: str) -> Parsed:
    lines = _lines(text)
    first = next(lines, None)
    if first is None:
        return Parsed(unreadable=((1, "the file is empty"),))
    heads = [cell.strip().lower() for cell in first[1]]
    if _ip(heads[0] if heads else "") or "filter result" in heads:
        return _snds(heads if "filter result" in heads else None, first, lines)
    if any("date" in head or head == "day" for head in heads):
        return _postmaster(heads, lines, domain)
    return Parsed(unreadable=((first[0], "neither the columns of SNDS nor those of Postmaster Tools"),))


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    head = text[:4096].partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, [f"\x00{error}"]  # no cell has a NUL: they were taken out
            continue
        if any(cell.strip() for cell in cells):
            yield reader.line_num, [cell.strip()[:LONGEST_CELL] for cell in cells]


def _snds(heads: list[str] | None, first: tuple[int, list[str]], lines: Iterator[tuple[int, list[str]]]) -> Parsed:
    reading = _Reading()
    names = heads or list(_SNDS)
    rest = lines if heads else _chain(first, lines)
    for line, cells in rest:
        if broken := _broken(cells):
            reading.tell(line, broken)
            continue
        one = dict(zip(names, cells, strict=False))
        ip, day = _ip(one.get("ip address", "")), _day(one.get("activity start", ""))
        if ip is None:
            reading.tell(line, "the first column is no IP address")
        elif day is None:
            reading.tell(line, "the activity has no date that we can read")
        elif (colour := one.get("filter result", "").lower()) and colour not in _COLOURS:
            reading.tell(line, "the filter result is neither green, yellow nor red")
        else:
            complaints = _share(one.get("complaint rate", ""))
            figures = {"complaint_rate": complaints, "filter_result": colour or None}
            for name in ("rcpt commands", "data commands", "message recipients", "trap hits"):
                figures[name.replace(" ", "_")] = _count(one.get(name, ""))
            grade = worst([_COLOURS[colour], *_by_spam_rate(complaints)]) if colour else worst(_by_spam_rate(complaints))
            reading.add(Row(Source.SNDS, ip, True, day, grade, colour, _known(figures), line))
    return reading.parsed("Microsoft SNDS")


def _postmaster(heads: list[str], lines: Iterator[tuple[int, list[str]]], domain: str) -> Parsed:
    reading = _Reading()
    for line, cells in lines:
        if broken := _broken(cells):
            reading.tell(line, broken)
            continue
        one = dict(zip(heads, cells, strict=False))
        subject = (one.get("domain") or domain).lower().rstrip(".")
        day = _day(next((value for name, value in one.items() if "date" in name or name == "day"), ""))
        if not _DOMAIN.fullmatch(subject):
            reading.tell(line, "it does not say whose figures these are: name the domain beside the file")
        elif day is None:
            reading.tell(line, "the date cannot be read")
        else:
            figures: dict[str, Any] = {}
            for name, value in one.items():
                if "reputation" in name:
                    figures["ip_reputation" if "ip" in name.split() else "domain_reputation"] = value.lower() or None
                elif "spam" in name:
                    figures["spam_rate"] = _share(value)
                elif part := next((part for part in ("spf", "dkim", "dmarc") if part in name), None):
                    figures[f"{part}_rate"] = _share(value)
            _graded(reading, subject, day, _known(figures), line)
    return reading.parsed("Google Postmaster Tools")


def _graded(reading: _Reading, domain: str, day: date, figures: dict[str, Any], line: int) -> None:
    if not figures:
        reading.tell(line, "there is no figure in it that we know")
        return
    words = [str(figures[name]) for name in ("domain_reputation", "ip_reputation") if figures.get(name)]
    grades = [_REPUTATIONS[word] for word in words if word in _REPUTATIONS] + _by_spam_rate(figures.get("spam_rate"))
    reading.add(Row(Source.POSTMASTER, domain, False, day, worst(grades), ", ".join(words)[:60], figures, line))


def _chain(first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest


def _broken(cells: list[str]) -> str:
    return f"it is no CSV: {cells[0][1:]}" if cells and cells[0].startswith("\x00") else ""


# -- JSON --------------------------------------------------------------------------------------------------------------
def _json(text: str) -> Parsed:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Parsed(unreadable=((getattr(error, "lineno", 1), "it begins like JSON and is none"),))
    reading = _Reading()
    entries = content if isinstance(content, list) else content.get("trafficStats") or content.get("domainStats") or [content]
    for number, entry in enumerate(entries if isinstance(entries, list) else [], start=1):
        if not isinstance(entry, dict) or not isinstance(name := entry.get("name"), str) or len(parts := name.split("/")) < 4 or parts[0] != "domains":
            reading.tell(number, "no trafficStats or domainStats of a domain")
        elif not _DOMAIN.fullmatch(domain := parts[1].lower()):
            reading.tell(number, "its name has no domain in it")
        elif parts[2] == "trafficStats":
            _traffic(reading, entry, domain, _day(parts[3]), number)
        else:
            _stat(reading, entry, domain, number)
    return reading.parsed("Google Postmaster Tools") if reading.rows or reading.told else Parsed(unreadable=((1, "there is nothing in it that we know"),))


def _traffic(reading: _Reading, entry: dict[str, Any], domain: str, day: date | None, number: int) -> None:
    """v1: one entry a domain and day."""
    if day is None:
        reading.tell(number, "its name has no date in it")
        return
    names = {"userReportedSpamRatio": "spam_rate", "spfSuccessRatio": "spf_rate", "dkimSuccessRatio": "dkim_rate", "dmarcSuccessRatio": "dmarc_rate"}
    figures: dict[str, Any] = {ours: _ratio(entry.get(theirs)) for theirs, ours in names.items()}
    figures["domain_reputation"] = _word(entry.get("domainReputation"))
    _graded(reading, domain, day, _known(figures), number)
    for group in entry.get("ipReputations") if isinstance(entry.get("ipReputations"), list) else ():  # type: ignore[union-attr]
        word = _word(group.get("reputation")) if isinstance(group, dict) else None
        samples = group.get("sampleIps") if word in _REPUTATIONS else None
        for sample in samples[:MAX_TOLD] if isinstance(samples, list) else ():
            if (ip := _ip(str(sample))) is not None:
                reading.add(Row(Source.POSTMASTER, ip, True, day, _REPUTATIONS[word], word, {"ip_reputation": word}, number))  # type: ignore[index,arg-type]


def _stat(reading: _Reading, entry: dict[str, Any], domain: str, number: int) -> None:
    """v2: one entry a metric; the metric's name is the asker's own, so that we go by what is in it."""
    when, value, metric = entry.get("date"), entry.get("value"), str(entry.get("metric") or "").lower()
    try:
        day = date(int(when["year"]), int(when["month"]), int(when["day"]))  # type: ignore[index]
    except (TypeError, KeyError, ValueError, OverflowError):
        reading.tell(number, "it has no date: ask for daily figures")
        return
    ratio = next((_ratio(each) for each in value.values()), None) if isinstance(value, dict) else None
    part = "spam_rate" if "spam" in metric else next((f"{one}_rate" for one in ("spf", "dkim", "dmarc") if one in metric), "")
    _graded(reading, domain, day, _known({part: ratio} if part else {}), number)


# -- cells -------------------------------------------------------------------------------------------------------------
def _by_spam_rate(rate: object) -> list[str]:
    """Google: stay below 0.1 %, never reach 0.3 %. Microsoft's own aim for complaints is the same 0.1 %."""
    if not isinstance(rate, float):
        return []
    return [Grade.GOOD if rate <= 0.001 else Grade.FAIR if rate < 0.003 else Grade.POOR]


def _ip(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return None


def _day(text: str) -> date | None:
    for form in _DAYS:
        try:
            found = datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
        return found if 2000 <= found.year <= 2100 else None
    return None


def _count(text: str) -> int | None:
    digits = text.replace(",", "").strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 12 else None


def _share(text: str) -> float | None:
    """0.3%, < 0.1%, 0.003."""
    number = text.strip().lstrip("<>= ").removesuffix("%").strip()
    if not re.fullmatch(r"\d{1,3}(\.\d{1,12})?", number):
        return None
    value = float(number) / (100 if "%" in text else 1)
    return round(value, 8) if value <= 1 else None


def _ratio(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return round(float(value), 8)


def _word(value: object) -> str | None:
    word = value.lower() if isinstance(value, str) else None
    return word if word in _REPUTATIONS else None


def _known(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if value is not None}
