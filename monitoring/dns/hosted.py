"""Hosted providers: the same change through a provider's API, by dns-lexicon. An extra: `python3 bin/environment.py requirements-hosted-dns.lock`.

A provider's API has no prerequisites and no transactions: what is there is read just before, new values are made before old ones are taken away, and an edit by
somebody else in between goes unseen until the next look at the authoritative servers. Promises: it happens in a process of its own (`provider`) that gets this
one secret and none of the platform's, and that is killed when it takes too long, so that a provider that hangs holds up its own sets and only for a while;
the secret is in nothing that is said. Never: an empty set in between.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from monitoring.dns.destination import Destination, Outcome, Pushed, Wanted

WITHIN_S = 30.0  # half a dozen requests, and the start of a Python
_GRACE_S = 2.0
_ROOT = Path(__file__).parents[2]
_PASSED_ON = ("PATH", "LANG", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


def push(to: Destination, wanted: Wanted, within_s: float = WITHIN_S) -> Pushed:
    """Make what is missing, then take away what is too much."""
    options = own_options(to)
    order = {
        "provider": to.provider, "zone": to.zone, "options": options, "name": wanted.name, "kind": wanted.kind, "ttl_s": wanted.ttl_s,
        "before": wanted.before, "after": wanted.after, "within_s": within_s,
    }  # fmt: skip
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "monitoring.dns.provider"], input=json.dumps(order), capture_output=True, text=True, timeout=within_s + _GRACE_S,
            cwd=_ROOT, env=environment,
        )  # fmt: skip
        outcome, says = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return Pushed(Outcome.UNKNOWN, f"{to.provider}: no answer within {within_s:.0f} s")
    except OSError as error:
        return Pushed(Outcome.UNKNOWN, f"{to.provider}: {error.strerror}")
    return Pushed(Outcome(outcome), f"{to.provider}: {without_secrets(says, options)}" if says else "")


def own_options(to: Destination) -> Mapping[str, Any]:
    """The provider's options: the secret is a token, or a JSON object of what the provider wants (dns-lexicon's documentation names it)."""
    try:
        given = json.loads(to.secret)
    except ValueError:
        given = None
    return given if isinstance(given, dict) else {"auth_token": to.secret}


def without_secrets(says: str, options: Mapping[str, Any]) -> str:
    """Some providers want their key in the address, and an error names the address."""
    for value in sorted((str(value) for value in options.values()), key=len, reverse=True):
        is_address = value.startswith(("https://", "http://")) and "@" not in value and "?" not in value
        if len(value) > 3 and not is_address:
            for form in (value, quote(value), quote(value, safe=""), quote_plus(value)):
                says = says.replace(form, "…")
    return says
