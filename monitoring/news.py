"""News: what agents and watchers tell people, as notices. A notice that cannot be written stops no rescue."""

import logging
from datetime import timedelta

from django.db import Error, close_old_connections

from mailplatform.shell.clock import now
from mailplatform.shell.formats import plural
from mailplatform.shell.models import Severity

log = logging.getLogger(__name__)

SHOWN_FOR = timedelta(hours=1)


def tell(engine: str, kind: str, given_back: int, unknowable: int, what_was_done: str) -> None:
    """Say that an engine was found dead and what became of its mail."""
    from mailplatform.shell.notices import raise_notice

    may_go_twice = f" {plural(unknowable, 'delivery', 'deliveries')} may go twice: the answer reached no journal." if unknowable else ""
    went_back = f"{plural(given_back, 'delivery', 'deliveries')} in its hands went back to the queue."
    sentence = f"Engine {engine} was found {kind} and {what_was_done}; {went_back}{may_go_twice}"
    try:
        close_old_connections()
        raise_notice(
            "engine." + kind, engine, Severity.WARNING if unknowable else Severity.INFO, sentence,
            {"given_back": given_back, "unknowable": unknowable}, "/nodes/", expires_at=now() + SHOWN_FOR,
        )  # fmt: skip
    except Error:
        log.exception("The notice about engine %s could not be written.", engine)
