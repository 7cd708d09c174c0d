"""What a reply itself asks for: "greylisted, try again in 300 seconds".

Promises: pure, total, bounded; None when it asks for nothing that can be read. Ten seconds are added, so that two clocks that differ
a little do not make us early: early starts a greylist's delay again. Never: decides whether there is a next time.
"""

import math
import re

MARGIN_S = 10
LONGEST_S = 6 * 3600
_UNITS_S = {"s": 1, "m": 60, "h": 3600}
_ASKED = re.compile(
    r"(?:\b(?:again|retry|back|wait|delayed?|deferred|greylisted|graylisted)\b[ :=]{1,3}(?:(?:in|for|after|at least)\s){0,2})"
    r"(\d{1,5}(?:\.\d+)?)\s?(s|m|h)(?:ec|ecs|econds?|in|ins|inutes?|ours?|rs?)?\b",
    re.IGNORECASE,
)


def wait_asked_s(text: str) -> int | None:
    """How long a temporary reply asks to wait, in seconds."""
    found = _ASKED.search(text)
    if found is None or not text.startswith("4"):
        return None
    wait_s = math.ceil(float(found[1]) * _UNITS_S[found[2].lower()])
    return min(wait_s + MARGIN_S, LONGEST_S) if wait_s else None
