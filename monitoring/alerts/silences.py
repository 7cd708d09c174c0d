"""Silences: of what nobody is told until when. What is silenced opens and is seen all the same."""

from collections.abc import Iterable
from datetime import datetime

from monitoring.alerts.models import Incident, Silence


def covers(silence: Silence, incident: Incident) -> bool:
    """What a silence leaves empty it does not ask for."""
    asked = ((silence.source, incident.source), (silence.dimension, incident.dimension), (silence.subject, incident.subject))
    return all(wanted in ("", is_) for wanted, is_ in asked)


def is_exact(silence: Silence, incident: Incident) -> bool:
    """Whether it is this incident's own, and not one that covers others too."""
    return (silence.source, silence.dimension, silence.subject) == (incident.source, incident.dimension, incident.subject)


def in_force(at: datetime) -> list[Silence]:
    return list(Silence.objects.filter(since__lte=at, until__gt=at))


def silenced(incident: Incident, at: datetime) -> Silence | None:
    return longest(in_force(at), incident)


def longest(silences: Iterable[Silence], incident: Incident) -> Silence | None:
    """Of those that cover it, the one that ends last."""
    return max((one for one in silences if covers(one, incident)), key=lambda one: one.until, default=None)
