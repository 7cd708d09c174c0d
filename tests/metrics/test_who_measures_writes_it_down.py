"""What others write for the collector: agents' reports, clusters' beats, TLS errors by kind."""

from dataclasses import replace
from pathlib import Path

import pytest
from django_q.signing import SignedPackage

from mailplatform.shell.database.broker import PatientBroker
from mailplatform.shell.models import ClusterBeat
from monitoring import reports
from monitoring.models import NodeReport
from pools.models import TlsMinute
from pools.outcomes import Fault, Reason
from tests.queue.house import House, connect, engine, knows, rows
from tests.queue.test_what_became_of_a_delivery_is_recorded_once import claimed, keep, settled


@pytest.mark.django_db(transaction=True)
def test_an_agent_reports_disk_cores_and_the_fullest_table_of_files(tmp_path: Path) -> None:
    house = House.build()
    files = [Path("/dev/null").open() for _ in range(20)]  # noqa: SIM115 - held open on purpose
    try:
        now = reports.vitals(tmp_path, [999_999_999])
    finally:
        for file in files:
            file.close()
    assert now.files_open >= 20 and now.files_limit >= now.files_open
    with connect() as connection:
        reports.write_report(connection, house.node.name, now)
        reports.write_report(connection, house.node.name, now)
    row = NodeReport.objects.get()
    assert row.disk_total_bytes > row.disk_free_bytes > 0 and row.cores >= 1 and row.files_open == now.files_open


class _Stat:
    """As a cluster's guard says it."""

    host, pid, workers, reincarnations = "here", 7, [8, 9], 3


@pytest.mark.django_db
def test_a_clusters_guard_leaves_a_beat_now_and_then() -> None:
    broker = PatientBroker(list_key="jobs")
    said = SignedPackage.dumps(_Stat(), True)
    broker.set_stat("k", said, 3)
    first = ClusterBeat.objects.get()
    assert (first.pid, first.workers, first.reborn) == (7, 2, 3)
    broker.set_stat("k", said, 3)
    assert ClusterBeat.objects.get().at == first.at, "not twice a second"


@pytest.mark.django_db(transaction=True)
def test_tls_errors_are_counted_by_kind_and_once() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(*(house.message(f"{n}@gmail.com") for n in range(3)))
    with engine(house) as number:
        batch = []
        for place, claim in enumerate(claimed(house, provider.id, number)):
            one = settled(house, claim, number)
            reason = Reason.TLS_CERTIFICATE if place else Reason.TLS_HANDSHAKE
            attempt = replace(one.attempt, verdict="deferred", reason=reason, fault=Fault.DESTINATION, phase="starttls")
            batch.append(replace(one, attempt=attempt, final=None, hold="look"))
        keep(number, *batch)
        keep(number, *batch)
    kinds = dict(TlsMinute.objects.values_list("reason", "errors"))
    assert kinds == {"tls.certificate": 2, "tls.handshake": 1}
    assert rows("SELECT sum(tls_errors)::int FROM pools_pathminute") == [(3,)]
