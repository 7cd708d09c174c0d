"""What django-q2 runs of delivery: engines as long tasks, upkeep each minute. Every job may run twice without harm."""

from datetime import timedelta

from django.conf import settings
from django.db import connection

from mailplatform.shell.clock import now
from mailplatform.shell.database.connect import connect
from mailplatform.shell.ids import lowest_id_at

PERIODIC = {"check_domains": 1, "resume_imports": 1, "sweep_unsubscribed": 1}


def run_engine(node: str, slot: int) -> str:
    """A delivery cluster's one kind of task. It is acknowledged at its start: its slot's row, not the task, says that it runs."""
    from delivery.engine.start import run_engine as run

    _acknowledge(node, slot)
    return run(node, slot)


def maintain() -> str:
    """Make the coming days' partitions, end what expired unclaimed, forget old keys and buckets, give back what lost engines still hold."""
    from delivery.history import day_partitions_sql
    from delivery.queue.fence import sweep
    from delivery.queue.promote import expire_ready
    from delivery.returns.forget import forget_old as forget_old_returns
    from delivery.submit.idempotency import forget_old
    from delivery.tlspolicy.store import forget_old as forget_old_tls
    from pools import allowances, scoped

    with connection.cursor() as cursor:
        for statement in day_partitions_sql(now().date() - timedelta(days=1), days=8):
            cursor.execute(statement)
    forgotten = forget_old()
    with connect(settings.DATABASE_URL) as plain, plain.cursor() as cursor:
        swept = sweep(plain)
        expired = expire_ready(plain, lowest_id_at(int((now() - timedelta(hours=1)).timestamp() * 1000)))
        buckets = allowances.forget_old(cursor) + scoped.forget_old(plain)
        forget_old_tls(plain)
        forget_old_returns(cursor)
    given_back = f"{expired} expired unclaimed, {swept} claims of lost engines given back"
    return f"{given_back}; {forgotten} idempotency keys and {buckets} allowance buckets and scoped limits forgotten"


def check_domains() -> str:
    """Look at the sending domains that are due, and make keys where a rotation is."""
    from delivery.domains.keys import forget_retired
    from delivery.domains.run import check_due, rotate_due

    looked, rotated = check_due(), rotate_due()
    return f"{looked} domains looked at, {rotated} with new keys to publish, {forget_retired(now())} old keys forgotten"


def import_suppressions(import_id: int) -> str:
    """A slice of one import; it asks for the next one itself."""
    from delivery.suppressions.job import run

    return run(import_id)


def resume_imports() -> str:
    """Go on with imports that a killed worker left, forget what nobody confirmed."""
    from delivery.suppressions.job import resume

    return resume()


def sweep_unsubscribed() -> str:
    """End what came to wait after its recipient had unsubscribed."""
    from delivery.unsubscribe.sweep import sweep

    return f"{sweep()} deliveries to recipients who had just unsubscribed ended"


def _acknowledge(node: str, slot: int) -> None:
    """Remove this task's row from the broker: redelivered after hours, it would only find its slot taken."""
    from django_q.models import OrmQ

    for row in OrmQ.objects.filter(key=f"delivery-{node}", lock__gt=now()):
        if row.task.get("args") == (node, slot):
            row.delete()
