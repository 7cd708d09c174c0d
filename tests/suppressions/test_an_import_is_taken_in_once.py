"""Part by part, counted exactly, one at a time for each tenant; in bounded memory; a killed job is gone on with, and nothing doubles."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from delivery.models import ImportState, Suppression, SuppressionImport, SuppressionImportPart
from delivery.suppressions import job
from mailplatform.shell.clock import now
from tests.api.world import Sender, make_sender
from tests.suppressions.files import imported, listed, post


def test_what_is_there_already_is_counted_and_keeps_its_reason(client: Client, acme: Sender) -> None:
    Suppression.objects.create(tenant=acme.tenant, address="a@gmail.com", reason="complaint", created_at=now())
    result = imported(client, acme, b"email,reason\nA@gmail.com,bounce\nb@gmail.com,bounce\nB@Gmail.com,bounce\n")
    assert (result["added"], result["already_there"], result["refused"]) == (1, 2, 0)
    assert listed(acme)["a@gmail.com"][0] == "complaint"
    assert imported(client, acme, b"email,reason\nb@gmail.com,bounce\n")["already_there"] == 1


def test_one_import_at_a_time_for_a_tenant_and_others_go_on(client: Client, acme: Sender, other: Sender) -> None:
    first = post(client, acme, b"a@gmail.com\n")
    second = post(client, acme, b"b@gmail.com\n")
    assert (first.status_code, second.status_code, second["Retry-After"]) == (202, 409, "30")
    assert post(client, other, b"c@gmail.com\n").status_code == 202
    job.run(first.json()["id"])
    assert post(client, acme, b"b@gmail.com\n").status_code == 202


def test_a_tenant_reaches_no_other_tenants_import(client: Client, acme: Sender, other: Sender) -> None:
    path = f"suppressions/imports/{post(client, acme, b'a@gmail.com').json()['id']}"
    assert other.get(client, path).status_code == 404
    assert client.delete(f"/api/v1/{path}", **other.auth).status_code == 404
    assert other.get(client, "suppressions/imports").json()["data"] == []
    assert acme.get(client, path).json()["state"] == "queued"


def test_a_stream_of_another_tenant_is_unknown(client: Client, acme: Sender, other: Sender) -> None:
    from pools.models import Stream

    Stream.objects.filter(tenant=other.tenant, name="news").update(name="theirs")
    assert post(client, acme, b"a@gmail.com\n", stream="theirs").status_code == 422
    result = imported(client, acme, b"address,reason,stream,detail,created_at\na@gmail.com,manual,theirs,,\nb@gmail.com,manual,news,,\n")
    assert (result["added"], result["refused"]) == (1, 1) and "no stream" in result["refused_lines"][0]["problem"]


def test_a_cancelled_import_stops_and_its_file_goes(client: Client, acme: Sender) -> None:
    import_id = post(client, acme, b"a@gmail.com\n").json()["id"]
    for _ in range(2):
        answer = client.delete(f"/api/v1/suppressions/imports/{import_id}", **acme.auth)
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    job.run(import_id)
    assert listed(acme) == {} and not SuppressionImportPart.objects.exists()


def test_a_surprise_ends_the_import_and_says_so(client: Client, acme: Sender) -> None:
    import_id = post(client, acme, b"a@gmail.com\n").json()["id"]
    SuppressionImport.objects.filter(pk=import_id).update(layout={"nonsense": 1})
    job.run(import_id)
    found = acme.get(client, f"suppressions/imports/{import_id}").json()
    assert found["state"] == "failed" and found["problem"] and not SuppressionImportPart.objects.exists()


def test_what_is_too_large_is_refused_before_it_is_stored(client: Client, acme: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    from delivery.suppressions import intake

    monkeypatch.setattr(intake, "MAX_LINES", 10)
    answer = post(client, acme, b"a@gmail.com\n" * 11)
    assert answer.status_code == 413 and not SuppressionImport.objects.exists()
    monkeypatch.setattr(intake, "MAX_BYTES", 10)
    assert post(client, acme, b"a@gmail.com\n" * 2).status_code == 413
    too_long = client.generic("POST", "/api/v1/suppressions/imports", b"x", content_type="text/csv", CONTENT_LENGTH=str(200 * 1024 * 1024), **acme.auth)
    assert too_long.status_code == 413
    assert post(client, acme, b"a@gmail.com\n", content_type="image/png").status_code == 415


def test_silent_imports_are_resumed_and_old_previews_forgotten(client: Client, acme: Sender, other: Sender) -> None:
    from django_q.models import OrmQ

    silent = post(client, acme, b"a@gmail.com\n").json()["id"]
    preview = post(client, other, b"b@gmail.com\n").json()["id"]
    OrmQ.objects.all().delete()
    long_ago = now() - timedelta(hours=2)
    SuppressionImport.objects.filter(pk=silent).update(moved_at=long_ago)
    SuppressionImport.objects.filter(pk=preview).update(state=ImportState.PREVIEW, created_at=long_ago)
    job.resume()
    assert [row.task["args"] for row in OrmQ.objects.all()] == [(silent,)]
    assert not SuppressionImport.objects.filter(pk=preview).exists() and not SuppressionImportPart.objects.filter(of_id=preview).exists()


def test_a_slice_ends_and_asks_for_the_next(client: Client, acme: Sender) -> None:
    from django_q.models import OrmQ

    rows = b"".join(b"%030d-somebody@gmail.com\n" % n for n in range(30_000))
    import_id = post(client, acme, rows).json()["id"]
    OrmQ.objects.all().delete()
    assert "parts left" in job.run(import_id, slice_s=0)
    assert OrmQ.objects.count() == 1
    found = acme.get(client, f"suppressions/imports/{import_id}").json()
    assert found["state"] == "running" and 0 < found["lines_done"] < found["lines"] == 30_000


@pytest.mark.django_db(transaction=True)
def test_a_killed_job_is_gone_on_with_and_nothing_doubles(client: Client) -> None:
    """kill -9 at three moments of an import of 100,000 rows: in the end each address is there once and the counts say so."""
    acme = make_sender("acme")
    rows = b"email,reason\n" + b"".join(b"person%d@gmail.com,bounce\n" % n for n in range(100_000)) + b"nobody\n"
    import_id = post(client, acme, rows).json()["id"]
    for part in (1, 3, 6):
        worker = _worker(import_id)
        _until(lambda part=part: _done(import_id) >= part * 9_000)  # type: ignore[misc]
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert worker.returncode == -signal.SIGKILL, "it was killed in the middle"
    last = _worker(import_id)
    peak_kb = _peak(last)
    assert last.wait(60) == 0
    found = acme.get(client, f"suppressions/imports/{import_id}").json()
    assert (found["state"], found["added"], found["already_there"], found["refused"]) == ("done", 100_000, 0, 1), found
    assert found["lines_done"] == found["lines"] == 100_002
    assert Suppression.objects.filter(tenant=acme.tenant).count() == 100_000 and not SuppressionImportPart.objects.exists()
    assert peak_kb < 160_000, f"{peak_kb} kB: Django is 80,000 of it"


def _worker(import_id: int) -> "subprocess.Popen[bytes]":
    """A process of its own that does what django-q2's worker does."""
    settings = connection.settings_dict
    url = f"postgresql:///{settings['NAME']}?host={settings['HOST']}&user={settings['USER']}&port={settings['PORT'] or 5432}"
    code = f"import django; django.setup(); from delivery.suppressions.job import run; run({import_id})"
    return subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "DATABASE_URL": url})


def _done(import_id: int) -> int:
    return SuppressionImport.objects.values_list("lines_done", flat=True).get(pk=import_id)


def _peak(process: "subprocess.Popen[bytes]") -> int:
    """The most memory that it was seen to have, in kB."""
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max([peak, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
        except (OSError, ValueError):
            break
        time.sleep(0.02)
    return peak


def _until(condition: Any, within_s: float = 60) -> None:
    ends = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(0.01)
