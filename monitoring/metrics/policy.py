"""The policy as it is now: what metrics are kept for how long, whether rules are judged and people told. Reads; who changes it is the console."""

from monitoring.metrics.models import MonitoringPolicy


def policy() -> MonitoringPolicy:
    """Until somebody has changed something there is no row, and the defaults hold."""
    return MonitoringPolicy.objects.filter(pk=1).first() or MonitoringPolicy()


def locked() -> MonitoringPolicy:
    """Until the transaction's end: a tick is judged under this lock, and who acts on rules or groups of incidents waits for that. Made if there is none."""
    return MonitoringPolicy.objects.select_for_update().get_or_create(pk=1)[0]
