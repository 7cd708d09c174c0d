"""Address: DATABASE_URL, with one server or several.

Pure. libpq's URL or keywords, `postgresql://user@one:5432,two:5433/name`; what it says itself holds, and what it leaves out is set so that a vanished server is
noticed in seconds and a standby is never taken for the primary. With several servers the one that was the primary last is asked first, for
each one that is frozen or cut off costs its whole connect_timeout.
"""

from collections.abc import Callable, Mapping
from typing import Any

from psycopg.conninfo import conninfo_to_dict

CONNECT_TIMEOUT_S, CONNECT_TIMEOUT_OF_SEVERAL_S = 5, 3
# Over TCP: a peer that answers nothing for five seconds is gone, and a silent session is asked for a sign of life after two (tcp(7)).
DEFAULTS = {"keepalives_idle": 2, "keepalives_interval": 1, "keepalives_count": 3, "tcp_user_timeout": 5000, "target_session_attrs": "read-write"}
DEFAULT_PORT = "5432"
_DJANGO = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}

Server = tuple[str, str]  # host and port as the address names them
Rank = Callable[[Server], int]


def parameters(url: str, options: str = "", rank: Rank | None = None, **own: Any) -> dict[str, Any]:
    """What libpq is to be told. `options` go behind the address's own; `own` goes before its; `rank`: which server is asked first."""
    given = conninfo_to_dict(url)
    timeout_s = CONNECT_TIMEOUT_OF_SEVERAL_S if len(servers(given)) > 1 else CONNECT_TIMEOUT_S
    found = {**DEFAULTS, "connect_timeout": timeout_s, **given, **own}
    if options:
        found["options"] = f"{given.get('options', '')} {options}".strip()
    return ordered(found, rank)


def servers(given: Mapping[str, Any]) -> list[Server]:
    """The servers that an address names, in its order; one port may stand for all of them."""
    hosts, ports = str(given.get("host") or "").split(","), str(given.get("port") or "").split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    return [(host, port or DEFAULT_PORT) for host, port in zip(hosts, ports, strict=False)]


def ordered(found: dict[str, Any], rank: Rank | None) -> dict[str, Any]:
    """The same, with the servers of the lowest rank before the others."""
    if rank is None or len(named := servers(found)) < 2 or found.get("hostaddr"):
        return found
    named.sort(key=rank)
    return {**found, "host": ",".join(host for host, _ in named), "port": ",".join(port for _, port in named)}


def django_database(url: str) -> dict[str, object]:
    """The same as Django's settings want it; what Django has no name for goes on to libpq as it is."""
    parts = parameters(url)
    named = {key: str(parts.pop(name, "")) for key, name in _DJANGO.items()}
    # No `pool` option: django-q2 forks, and pooled sockets would be shared.
    return {"ENGINE": "mailplatform.shell.database", **named, "OPTIONS": parts, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
