"""What a mail server is like: its habits (limits), its words, and where in the conversation it decides.

Read from data/*.json. Habits are plain figures that the control API may change while the sandbox runs; they are checked by
name and type, so that a typing mistake in a test is an error and not a limit that never binds.
"""

import dataclasses
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
BIG = ("gmail", "outlook", "microsoft365", "yahoo", "icloud", "gmx")
SMALL = ("postfix", "exim")


@dataclass(frozen=True, slots=True)
class Habits:
    """The figures of one provider; limits are per source IP. 0 or less: no limit, but for sizes and shares."""

    connections_per_ip: int
    messages_per_connection: int
    messages_per_second: int
    messages_per_minute: int
    messages_per_hour: int
    recipients_per_message: int
    size_bytes: int
    greylist_s: float  # 0: greylists nobody (but greylist@)
    unknown_share: float  # 0..1 of the mailboxes, by a hash of the address, do not exist
    close_at_limit: bool  # closes without a word after messages_per_connection, as Yahoo does
    tls_required: bool
    latency_ms: float  # before every answer
    slow_s: float  # what slow@ waits
    greylist_address_s: float  # what greylist@ waits
    complaint_after_s: float  # how long after acceptance complaint@ complains
    return_after_s: float  # how long after acceptance anything else comes back
    burst_per_s: float  # above it reputation falls
    reputation_start: float
    defer_below: float
    block_below: float
    recover_per_hour: float

    def changed(self, changes: Mapping[str, object]) -> "Habits":
        """A copy with these figures; an unknown name or a wrong type is a ValueError that names it."""
        for name, value in changes.items():
            if name not in Habits.__slots__:
                raise ValueError(f"There is no habit '{name}'; there are {', '.join(Habits.__slots__)}.")
            wanted = type(getattr(self, name))
            if not isinstance(value, (int, float)) or (wanted is bool) != isinstance(value, bool) or (wanted is int and not isinstance(value, int)):
                raise ValueError(f"'{name}' is a {wanted.__name__}, not {value!r}.")
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Stages:
    """Where in the conversation a provider speaks its mind: connect, mail, rcpt or data (after the dot)."""

    unknown: str
    reputation: str
    rate: str
    dnsbl: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of mail server, as its data file describes it."""

    name: str
    title: str
    label: str
    block: int  # its addresses are 127.20.<block>.*; 0 for small servers
    domains: tuple[str, ...]
    hosted_domains: tuple[str, ...]
    mx: tuple[tuple[int, str], ...]
    hosted_mx: tuple[tuple[int, str], ...]
    domain_mx: Mapping[str, tuple[tuple[int, str], ...]]
    greeting_host: str  # what {host} is in its texts; empty: the MX host's own name
    extensions: tuple[str, ...]
    stages: Stages
    habits: Habits
    replies: Mapping[str, str] = field(repr=False)  # complete wire text with CRLF and {placeholders}


def _pairs(rows: list[list[Any]]) -> tuple[tuple[int, str], ...]:
    return tuple((int(preference), str(host)) for preference, host in rows)


def _layers(name: str) -> list[dict[str, Any]]:
    """The file and what it builds on, the deepest first."""
    data = json.loads((DATA / f"{name}.json").read_text("utf-8"))
    return [*(_layers(data.get("inherits", "base")) if name != "base" else []), data]


@functools.cache
def load(name: str) -> Profile:
    """The profile from data/<name>.json."""
    layers = _layers(name)
    own = layers[-1]

    def merged(key: str) -> dict[str, Any]:
        return {k: v for layer in layers for k, v in layer.get(key, {}).items()}

    def latest(key: str, default: Any) -> Any:
        return next((layer[key] for layer in reversed(layers) if key in layer), default)

    words = {key: text if isinstance(text, str) else "".join(f"{line}\r\n" for line in text) for key, text in merged("replies").items()}
    return Profile(
        name=name,
        title=own["title"],
        label=own["label"],
        block=own.get("block", 0),
        domains=tuple(own.get("domains", ())),
        hosted_domains=tuple(own.get("hosted_domains", ())),
        mx=_pairs(own.get("mx", [])),
        hosted_mx=_pairs(own.get("hosted_mx", [])),
        domain_mx={domain: _pairs(rows) for domain, rows in own.get("domain_mx", {}).items()},
        greeting_host=own.get("greeting_host", ""),
        extensions=tuple(latest("extensions", [])),
        stages=Stages(**merged("stages")),
        habits=Habits(**merged("habits")),
        replies=words,
    )


@functools.cache
def places() -> Mapping[str, Mapping[str, Any]]:
    """The domains that force a behaviour (data/places.json)."""
    return {name: place for name, place in json.loads((DATA / "places.json").read_text("utf-8")).items() if not name.startswith("_")}
