"""The periodic jobs, as django-q2 schedules of the cluster `jobs`.

An app's `jobs` module names its own in PERIODIC: {"function": every so many minutes}. Promises: one schedule a job however often this
runs; a job that no app names any more loses its schedule; an operator's change of the minutes is kept.
"""

import importlib
import importlib.util

from django.apps import apps
from django_q.models import Schedule

_OURS = "periodic: "
_BUILT_IN = {"delivery.jobs.maintain": 1}


def wanted() -> dict[str, int]:
    """Dotted function to minutes, of all apps."""
    found = dict(_BUILT_IN)
    for app in apps.get_app_configs():
        name = f"{app.name}.jobs"
        if app.name.startswith("django") or importlib.util.find_spec(name) is None:
            continue
        for function, minutes in getattr(importlib.import_module(name), "PERIODIC", {}).items():
            found[f"{name}.{function}"] = minutes
    return found


def register() -> None:
    jobs = wanted()
    Schedule.objects.filter(name__startswith=_OURS).exclude(func__in=jobs).delete()
    for function, minutes in jobs.items():
        Schedule.objects.get_or_create(
            name=_OURS + function,
            defaults={"func": function, "schedule_type": Schedule.MINUTES, "minutes": minutes, "repeats": -1, "cluster": "jobs"},
        )
