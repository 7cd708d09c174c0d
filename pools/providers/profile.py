"""Profiles: the limits that hold for one sending IP at one provider, ready for the engine.

Owns: how facts ({"value": "100/min", "source": …}) and an operator's overrides become numbers. Order: override, the provider's own
figure, the default profile's, the built-in floor. Promises: total; a figure that is prose or null counts as not known. The facts'
tls.mode is not taken over: TLS is required everywhere, only a TlsException lifts that. Never: reads the database.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

from pools.limits import RateLimit

_PERIODS_S = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "day": 86_400}
_DURATIONS_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(r"(\d+)\s*/\s*([a-z]+)")
_DURATION = re.compile(r"(\d+)\s*([a-z]+?)s?")
_BY_PERIOD = {1: "per_second", 60: "per_minute", 3600: "per_hour", 86_400: "per_day"}


@dataclass(frozen=True, slots=True)
class Profile:
    """None: no limit of that kind."""

    connections: int = 10
    connections_per_minute: int | None = 100
    messages_per_connection: int = 100
    per_second: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    recipients_per_message: int = 100
    max_size_bytes: int | None = None
    idle_timeout_s: int = 60
    data_timeout_s: int = 120
    data_dot_timeout_s: int = 600  # a shorter wait after the dot makes doubles
    failures_before_delay: int = 100
    tls_mode: str = "required"
    remember_broken_tls_s: int = 259_200

    @property
    def connection_rate(self) -> RateLimit | None:
        return RateLimit(self.connections_per_minute, 60) if self.connections_per_minute else None

    @property
    def message_rates(self) -> tuple[RateLimit, ...]:
        """The rates that live in the owner's memory; hours and days are allowances."""
        pairs = ((self.per_second, 1), (self.per_minute, 60))
        return tuple(RateLimit(per, period_s) for per, period_s in pairs if per)


FIELDS = {field.name for field in fields(Profile)}
_NULLABLE = {"connections_per_minute", "per_second", "per_minute", "per_hour", "per_day", "max_size_bytes"}
_SAME_NAME = (
    "messages_per_connection",
    "recipients_per_message",
    "max_size_bytes",
    "idle_timeout_s",
    "data_timeout_s",
    "data_dot_timeout_s",
    "failures_before_delay",
)
_TLS_MODES = ("required", "verified")


class ProviderFacts(Protocol):
    """What of a Provider row is needed here."""

    facts: dict[str, Any]
    overrides: dict[str, Any]


def profile_of(provider: ProviderFacts, default: ProviderFacts) -> Profile:
    """The limits at `provider`; the `default` row fills in what nobody knows."""
    values = {**_known(default.facts), **_valid(default.overrides), **_known(provider.facts), **_valid(provider.overrides)}
    hard_cap = _number(_limit(provider.facts, "connections_hard_cap"))
    if hard_cap is not None and values.get("connections", 0) > hard_cap:
        values["connections"] = hard_cap
    return Profile(**values)


def problems_with_overrides(overrides: object) -> list[str]:
    """One sentence for each override that cannot be used."""
    if not isinstance(overrides, Mapping):
        return ["Overrides are an object of field names and numbers."]
    return [sentence for name, value in overrides.items() if (sentence := _problem(str(name), value))]


def _problem(name: str, value: object) -> str | None:
    if name not in FIELDS:
        return f"'{name}' is not a limit; these are: {', '.join(sorted(FIELDS))}."
    if name == "tls_mode":
        return None if value in _TLS_MODES else f"'tls_mode' is required or verified, not {value!r}; a TLS exception lifts it."
    if value is None:
        return None if name in _NULLABLE else f"'{name}' cannot be lifted."
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 2**31 - 1:
        return f"'{name}' is a whole number from 1, not {value!r}."
    return None


def _valid(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides that can be used; a row that was written past the admin must not stop an engine."""
    return {name: value for name, value in overrides.items() if _problem(name, value) is None}


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a provider's facts that are numbers."""
    known: dict[str, int | None] = {
        "connections": _number(_limit(facts, "connections_per_ip")),
        "connections_per_minute": _connections_per_minute(_limit(facts, "connection_rate")),
        "remember_broken_tls_s": _duration_s(facts.get("tls", {}).get("remember_broken_tls", {})),
    }
    known.update((name, _number(_limit(facts, name))) for name in _SAME_NAME)
    if rate := _rate(_limit(facts, "message_rate")):
        known[_BY_PERIOD[int(rate.period_s)]] = rate.per
    return {name: value for name, value in known.items() if value is not None}


def _limit(facts: Mapping[str, Any], name: str) -> Any:
    return facts.get("limits", {}).get(name, {})


def _number(fact: Any) -> int | None:
    value = fact.get("value") if isinstance(fact, Mapping) else fact
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _rate(fact: Any) -> RateLimit | None:
    value = fact.get("value") if isinstance(fact, Mapping) else fact
    found = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or found[2] not in _PERIODS_S or int(found[1]) < 1:
        return None
    return RateLimit(int(found[1]), _PERIODS_S[found[2]])


def _connections_per_minute(fact: Any) -> int | None:
    rate = _rate(fact)
    return max(1, int(rate.per * 60 / rate.period_s)) if rate else None


def _duration_s(fact: Any) -> int | None:
    value = fact.get("value") if isinstance(fact, Mapping) else fact
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    return int(found[1]) * _DURATIONS_S[found[2]] if found and found[2] in _DURATIONS_S else None
