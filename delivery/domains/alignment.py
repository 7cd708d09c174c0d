"""Alignment: whether a domain's mail passes SPF, DKIM and DMARC, as its last check left it. Pure, from the kept verdict; no DNS.

Promises: what was never looked at lacks nothing yet (only an operator verifies without a look, and the first look is a minute away); what could not be
asked is not passed, and says so, but one silent name server does not undo what was known (readiness keeps that for three days).
"""

from collections.abc import Mapping
from typing import Any

from delivery.domains.readiness import LACKS, State
from mailplatform.shell.formats import listed

NEEDED = ("spf", "dkim", "dmarc", "alignment")
# The same in PostgreSQL's words: something that is needed is not met.
MISSING = '$.providers[*].requirements[*] ? (@.name like_regex "^(' + "|".join(NEEDED) + ')$" && @.state != "' + State.MET + '")'


def lacks(verdict: Mapping[str, Any]) -> str:
    """What is missing, as a sentence with what to do; empty: nothing."""
    if not verdict:
        return ""
    found: dict[str, Mapping[str, str]] = {}
    for provider in verdict.get("providers", ()):
        for requirement in provider["requirements"]:
            name = requirement["name"]
            if name in NEEDED and (name not in found or requirement["state"] == State.NOT_MET):
                found[name] = requirement
    if missing := [found[name] for name in NEEDED if name in found and found[name]["state"] == State.NOT_MET]:
        return f"It lacks {listed([LACKS[each['name']] for each in missing])}. {missing[0]['to_do']}"
    if unasked := [name for name in NEEDED if name not in found or found[name]["state"] == State.UNKNOWN]:
        return f"DNS could not be asked for {listed([LACKS[name] for name in unasked])}. Check the domain again."
    return ""
