"""Times as tenants write them: RFC 3339, with a zone."""

import re
from datetime import datetime

_FORM = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)\Z")


def time_of(given: object) -> datetime | None:
    """None for what is no such text; ValueError where its numbers are no time."""
    if type(given) is not str or not _FORM.match(given):
        return None
    return datetime.fromisoformat(given.upper())
