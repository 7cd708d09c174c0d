"""Records that are not computed: the extra zones file, and what the block lists list.

The file is JSON, {"name": {"TXT": ["…"], "A": ["…"], "PTR": ["…"], "MX": ["10 host"], "CNAME": ["host"]}}, and read again when it changes; a
file that cannot be read keeps the records of before. A PTR may stand under its address. Listings come from the control API.
"""

import ipaddress
import json
from pathlib import Path

from .names import normal, share

# The zones answer under the sandbox's names and under the real ones that senders ask.
LISTS = {
    "zen": ("zen.dnsbl.test", "zen.spamhaus.org"),
    "barracuda": ("barracuda.dnsbl.test", "b.barracudacentral.org"),
    "spamcop": ("spamcop.dnsbl.test", "bl.spamcop.net"),
    "mailspike": ("mailspike.dnsbl.test", "bl.mailspike.net"),
    "psbl": ("psbl.dnsbl.test", "psbl.surriel.com"),
    "0spam": ("0spam.dnsbl.test", "bl.0spam.org"),
    "dbl": ("dbl.dnsbl.test", "dbl.spamhaus.org"),
}
# Lists that answer every question with Spamhaus's error codes, which are no listings (spamhaus.org, DNSBL usage).
ERRORS = {"typo.dnsbl.test": "127.255.255.252", "public.dnsbl.test": "127.255.255.254", "toomany.dnsbl.test": "127.255.255.255"}
DEAD = ("dead.dnsbl.test",)  # a list that ended and answers yes to everything, as some do
MODES = ("ok", "wildcard", "empty", "servfail", "silent")  # empty: knows nobody, not even its test point


class Zones:
    """Extra records by (name, type), fresh from the file."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self._seen: tuple[int, int] | None = None
        self._records: dict[str, dict[str, list[str]]] = {}
        self._names: set[str] = set()

    def records(self, name: str) -> dict[str, list[str]]:
        """What the file says about a name, by type."""
        self._refresh()
        return self._records.get(normal(name), {})

    def knows(self, name: str) -> bool:
        """Whether the name stands in the file, or a name below it (RFC 8020: then it exists)."""
        return normal(name) in self._names

    def _refresh(self) -> None:
        if self.file is None:
            return
        try:
            stat = self.file.stat()
            if (seen := (stat.st_mtime_ns, stat.st_size)) != self._seen:
                self._records = _parsed(json.loads(self.file.read_text("utf-8")))
                self._names = {name.split(".", cut)[cut] for name in self._records for cut in range(name.count(".") + 1)}
                self._seen = seen
        except (OSError, ValueError, AttributeError, TypeError):
            return  # being written just now; the next question tries again


def _parsed(data: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
    records: dict[str, dict[str, list[str]]] = {}
    for name, kinds in data.items():
        if name.startswith("_") and "." not in name:
            continue  # a remark; names of records begin with underscores as well, and have dots
        try:
            name = ipaddress.ip_address(name).reverse_pointer
        except ValueError:
            pass
        records[normal(name)] = {kind.upper(): [values] if isinstance(values, str) else [str(v) for v in values] for kind, values in kinds.items()}
    return records


class BlockLists:
    """Who is listed where."""

    def __init__(self) -> None:
        self.listed: dict[str, dict[str, str]] = {name: {} for name in LISTS}
        self.errors: dict[str, str] = {}  # list -> the error code that it answers for now
        self.modes: dict[str, str] = {}  # list -> what ails it

    def add(self, name: str, subject: str, code: str = "127.0.0.2") -> None:
        """List an address or a domain."""
        self.listed[self._list(name)][normal(subject)] = code

    def remove(self, name: str, subject: str) -> None:
        """Take a subject off a list."""
        self.listed[self._list(name)].pop(normal(subject), None)

    def set_error(self, name: str, code: str) -> None:
        """Answer every question with an error code; "" ends it."""
        self.errors.pop(self._list(name), None)
        if code:
            self.errors[self._list(name)] = code

    def set_mode(self, name: str, mode: str) -> None:
        """Let a list be ill, or well again."""
        self.modes[self._list(name)] = mode

    def mode_of(self, question: str) -> str:
        """How the list that this question is for is."""
        split = _split(question)
        return self.modes.get(split[2], "ok") if split and split[2] else "ok"

    def listing(self, ip: str) -> str | None:
        """The zone that a mail server would name for this address, or None."""
        return next((LISTS[name][1] for name, listed in self.listed.items() if ip in listed), None)

    def zone_of(self, question: str) -> bool:
        """Whether this name is a block list's business."""
        return _split(question) is not None

    def answer(self, question: str) -> tuple[list[str], str]:
        """The addresses (none: not listed) and the reason for a question such as 2.0.0.127.zen.dnsbl.test."""
        split = _split(question)
        if split is None:
            return [], ""
        subject, zone, name = split
        if zone in ERRORS:
            return [ERRORS[zone]], "Error: see https://www.spamhaus.org/returnc/"
        if name in self.errors:
            return [self.errors[name]], "Error: see https://www.spamhaus.org/returnc/"
        if zone in DEAD or self.mode_of(question) == "wildcard":
            return ["127.0.0.2"], "this list has ended"
        if name is None or self.mode_of(question) == "empty":
            return [], ""
        if name == "dbl":
            codes = {"test": "127.0.1.2", **self.listed[name]}.get(subject)
            return ([codes] if codes else []), f"https://www.spamhaus.org/query/domain/{subject}"
        ip = _address(subject)
        if ip in ("127.0.0.2", "::ffff:7f00:2"):  # the test points that every list has (RFC 5782 §5)
            return ["127.0.0.2"], "Test record"
        code = self.listed[name].get(ip)
        return ([code] if code else []), f"https://www.spamhaus.org/query/ip/{ip} ({int(share(ip) * 10**6)})"

    @staticmethod
    def _list(name: str) -> str:
        found = next((short for short, zones in LISTS.items() if normal(name) in (short, *zones)), None)
        if found is None:
            raise ValueError(f"There is no block list '{name}'; there are {', '.join(LISTS)}.")
        return found


def _address(reversed_: str) -> str:
    """The address behind octets or nibbles in reverse order (RFC 5782 §2.1, §2.4)."""
    parts = reversed_.split(".")[::-1]
    if len(parts) != 32:
        return ".".join(parts)
    try:
        address = ipaddress.IPv6Address(int("".join(parts), 16))
    except ValueError:
        return ""
    return f"::ffff:{int(address.ipv4_mapped) >> 16:x}:{int(address.ipv4_mapped) & 0xFFFF:x}" if address.ipv4_mapped else address.compressed


def _split(question: str) -> tuple[str, str, str | None] | None:
    question = normal(question)
    zones = [(zone, short) for short, names in LISTS.items() for zone in names] + [(zone, None) for zone in (*ERRORS, *DEAD)]
    for zone, short in zones:
        if question == zone or question.endswith(f".{zone}"):
            return question.removesuffix(zone).rstrip("."), zone, short
    return None
