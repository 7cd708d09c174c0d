"""SPF records taken apart (RFC 7208 §4.5, §5, §6, §7): terms, and macros put in. Pure.

Promises: a record is read whole before any of it counts, and a mistake anywhere is a `Malformed` (§4.6); a name that macros make is at most 253 characters
long, cut from the left (§7.3).
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

LONGEST_RECORD = 16_384
_VERSION = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)", re.DOTALL)
_MECHANISM = re.compile(r"([-+?~]?)([A-Za-z][A-Za-z0-9._-]*)(.*)", re.DOTALL)
_CIDR = re.compile(r"(?:/(0|[1-9]\d?))?(?://(0|[1-9]\d{0,2}))?\Z")
_MACRO = re.compile(r"%(?:\{([A-Za-z])(\d*)([rR]?)([-.+,/_=]*)\}|([%_-]))")
_LAST_LABEL = r"(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])"
_DOMAIN_END = re.compile(rf"(?:%\{{[^}}]*\}}|%[%_-]|\.{_LAST_LABEL}\.?)\Z")
NAMES_WANTED = frozenset(("include", "exists"))
NAMES_ALLOWED = frozenset(("include", "exists", "a", "mx", "ptr"))


class Malformed(Exception):
    """The record cannot be read: a PermError."""


@dataclass(frozen=True, slots=True)
class Term:
    """One mechanism. `target` is a domain-spec, empty: the domain itself; `network` of ip4 and ip6; prefixes of a and mx."""

    text: str
    qualifier: str
    name: str
    target: str = ""
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None
    prefix4: int = 32
    prefix6: int = 128


@dataclass(frozen=True, slots=True)
class Record:
    terms: tuple[Term, ...]
    redirect: str = ""  # empty when an `all` makes it of no use (§6.1)


def is_spf(text: str) -> bool:
    return _VERSION.match(text) is not None


def parse(text: str) -> Record:
    if len(text) > LONGEST_RECORD:
        raise Malformed(f"the record has {len(text)} characters")
    terms: list[Term] = []
    modifiers: dict[str, str] = {}
    for word in text.split(" ")[1:]:
        if not word:
            continue
        if modifier := _MODIFIER.fullmatch(word):
            name = modifier[1].lower()
            if name in modifiers and name in ("redirect", "exp"):
                raise Malformed(f"{name}= stands there twice")
            _check_macros(modifier[2], "slodipvhcrt")
            if name in ("redirect", "exp"):
                _check_target(modifier[2], word)
            modifiers[name] = modifier[2]
        else:
            terms.append(_mechanism(word))
    has_all = any(term.name == "all" for term in terms)
    return Record(tuple(terms), "" if has_all else modifiers.get("redirect", ""))


def _mechanism(word: str) -> Term:
    parts = _MECHANISM.fullmatch(word)
    if parts is None:
        raise Malformed(f"{quoted(word)} is no term")
    qualifier, name, rest = parts[1] or "+", parts[2].lower(), parts[3]
    if name == "all" and not rest:
        return Term(word, qualifier, name)
    if name in ("ip4", "ip6") and rest.startswith(":"):
        return Term(word, qualifier, name, network=_network(name, rest[1:], word))
    if name not in NAMES_ALLOWED:
        raise Malformed(f"{quoted(word)} is no term that RFC 7208 knows")
    target, prefix4, prefix6 = rest, 32, 128
    if name in ("a", "mx"):
        target, prefix4, prefix6 = _split_prefixes(rest, word)
    if target and not target.startswith(":"):
        raise Malformed(f"{quoted(word)} is no term that RFC 7208 knows")
    if target.startswith(":") or name in NAMES_WANTED:
        target = target[1:]
        _check_target(target, word)
    return Term(word, qualifier, name, target, prefix4=prefix4, prefix6=prefix6)


def _split_prefixes(rest: str, word: str) -> tuple[str, int, int]:
    """The target and both prefixes; a slash inside a macro (a delimiter) is none of ours."""
    start = rest.rfind("}") + 1
    cut = rest.find("/", start)
    if cut < 0:
        return rest, 32, 128
    cidr = _CIDR.match(rest, cut)
    if cidr is None or int(cidr[1] or 0) > 32 or int(cidr[2] or 0) > 128:
        raise Malformed(f"{quoted(word)} has a prefix length that cannot be")
    return rest[:cut], int(cidr[1] or 32), int(cidr[2] or 128)


def _network(name: str, text: str, word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        address, _, length = text.partition("/")
        if "/" in text and not re.fullmatch(r"0|[1-9]\d{0,2}", length):
            raise ValueError
        host = ipaddress.IPv4Address(address) if name == "ip4" else ipaddress.IPv6Address(address)
        return ipaddress.ip_network(f"{host}/{length}" if length else str(host), strict=False)
    except ValueError:
        raise Malformed(f"{quoted(word)} is no {'IPv4' if name == 'ip4' else 'IPv6'} network") from None


def _check_target(target: str, word: str) -> None:
    """A domain-spec (§7.1): visible characters, whole macros, a top label or a macro at its end."""
    if any(not 33 <= ord(letter) <= 126 for letter in target):
        raise Malformed(f"{quoted(word)} has characters that no name has")
    _check_macros(target)
    if not _DOMAIN_END.search(target):
        raise Malformed(f"{quoted(word)} names no domain")


def _check_macros(text: str, letters: str = "slodipvh") -> None:
    if "%" in _MACRO.sub("", text):
        raise Malformed(f"{quoted(text)} has a % that begins no macro")
    for letter, digits, _, _, _ in _MACRO.findall(text):
        if (letter and letter.lower() not in letters) or (digits and int(digits[:3]) == 0):
            raise Malformed(f"{quoted(text)} has a macro that cannot stand there")


def expand(target: str, values: Mapping[str, str]) -> str:
    """`values` by macro letter in lower case. Never longer than a name may be."""

    def put_in(match: re.Match[str]) -> str:
        letter, digits, turned, delimiters, escape = match.groups()
        if escape:
            return {"%": "%", "_": " ", "-": "%20"}[escape]
        parts = re.split("[" + re.escape(delimiters or ".") + "]", values.get(letter.lower(), "unknown"))
        if turned:
            parts.reverse()
        if digits:
            parts = parts[-int(digits[:3]) :]
        text = ".".join(parts)
        return quote(text, safe="-._~") if letter.isupper() else text

    name = _MACRO.sub(put_in, target).rstrip(".")
    while len(name) > 253:
        name = name.partition(".")[2]
    return name


def quoted(text: str) -> str:
    """For sentences: what stood there, within bounds."""
    return f"“{text[:80]}…”" if len(text) > 80 else f"“{text}”"
