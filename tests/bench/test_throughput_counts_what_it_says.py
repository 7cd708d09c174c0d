"""The benchmark's own machinery: its sink counts exactly, CPU of processes that came and went is not lost, a ratio needs both sides."""

import os
import smtplib
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.bench import throughput
from tests.bench.peers import messages, postfix
from tests.bench.peers.measure import Run, measure
from tests.bench.peers.postfix import Postfix, Setting
from tests.bench.peers.sink import Sink
from tests.bench.peers.usage import Groups, PeakMemory, cpu_s, tree
from tests.flow.platform import wait_until

NO_SMTP_SINK = "smtp-sink and stunnel4 are not installed"


@pytest.fixture(params=["our own", "smtp-sink"])
def sink(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    folder = tmp_path_factory.mktemp("sink")
    for each in (folder, folder.parent, folder.parent.parent):
        each.chmod(0o755)  # smtp-sink gives up its rights
    made = Sink(folder, own=request.param == "our own")
    if request.param == "smtp-sink" and made.name != "smtp-sink":
        pytest.skip(NO_SMTP_SINK)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def send(sink: Sink, count: int, tls: bool) -> None:
    end = sink.secured if tls else sink.clear
    with smtplib.SMTP(end.host, end.port, "client.example", timeout=10) as session:
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            session.starttls(context=context)
        for number in range(count):
            session.sendmail("a@a.example", f"{number}@b.example", f"Subject: {number}\r\n\r\n.\r\nA line with only a dot stands above.\r\n")


def test_the_sink_counts_every_message_in_the_clear_and_over_tls(sink: Sink) -> None:
    assert sink.count() == 0
    send(sink, 7, tls=False)
    wait_until(lambda: sink.count() == 7, 5, "seven were counted")
    send(sink, 5, tls=True)
    wait_until(lambda: sink.count() == 12, 5, "twelve were counted")


class Sender:
    """A system under test that is this process."""

    def groups(self) -> Groups:
        return {"self": [psutil.Process()], "others": []}

    def is_idle(self) -> bool:
        return True


def test_a_run_ends_with_the_last_message_and_counts_what_goes_twice(sink: Sink) -> None:
    run = measure(Sender(), sink, 10, lambda: send(sink, 10, tls=False))
    assert run.messages == 10 and run.messages_per_s > 0 and run.accepted_per_s > 0 and run.peak_mb > 1
    assert run.doubled == 0
    assert measure(Sender(), sink, 10, lambda: send(sink, 11, tls=False)).doubled == 1


def test_a_failed_injection_ends_the_run(sink: Sink) -> None:
    def fails() -> None:
        raise ConnectionRefusedError("nobody there")

    with pytest.raises(ConnectionRefusedError):
        measure(Sender(), sink, 10, fails)


def test_cpu_of_children_that_came_and_went_is_counted() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    parent = "import subprocess, sys\nfor _ in range(2): subprocess.run([sys.executable, '-c', sys.argv[1]])\nprint('done', flush=True)\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", parent, burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"done\n"
        spent = cpu_s({"it": tree(process.pid)})["it"]
        process.kill()
    assert 0.6 <= spent < 3


def test_the_peak_of_memory_is_kept_after_it_is_given_back() -> None:
    with PeakMemory(lambda: [psutil.Process()]) as small:
        pass
    held = [bytearray(os.urandom(1)) * 60_000_000]
    with PeakMemory(lambda: [psutil.Process()]) as large:
        threading.Event().wait(2.2)  # one look
        held.clear()
    assert large.mb > small.mb + 50


def test_a_message_has_five_kilobytes_in_both_forms() -> None:
    for form in ("json", "raw"):
        bodies = messages.batches(1_001, 50, "hello@sender.example", form, "notification", "a test")
        assert [body.count(b'"to"') for body in bodies] == [500, 500, 1]
        size = len(bodies[2]) * (3 / 4 if form == "raw" else 1)
        assert 5_100 < size < 6_000


def test_a_ratio_is_told_when_both_sides_were_measured() -> None:
    ours, theirs = Run(10, 3_000, 2_000, {"engines": 0.5, "web": 0.25}), Run(10, 600, 400, {"postfix": 2.0})
    figures = throughput._figures({"unsigned": ours, "tls_rsa": ours, "postfix": theirs})
    assert figures["vs_postfix_unsigned"] == 5 and "vs_postfix_tls" not in figures
    assert figures["messages_per_s"] == 2_000 and figures["cpu_ms_per_message"] == 0.75
    assert figures["postfix.cpu_ms_per_message"] == 2.0


def test_a_median_is_each_figures_own() -> None:
    runs = [Run(10, 1, 30, {"engines": 2.0}, 5), Run(10, 3, 10, {"engines": 1.0}, 9), Run(10, 2, 20, {"engines": 3.0}, 7)]
    assert throughput._median(runs) == Run(10, 2, 20, {"engines": 2.0}, 7)


@pytest.mark.skipif(bool(postfix.why_not()), reason=postfix.why_not() or "-")
@pytest.mark.parametrize(("domains", "tls"), [(1, False), (3, True)])
def test_postfix_delivers_all_to_the_sink_and_leaves_nothing_behind(tmp_path: Path, domains: int, tls: bool) -> None:
    for each in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        each.chmod(0o755)
    sink = Sink(tmp_path)
    try:
        sink.start()
        with Postfix(Setting(20, reuse=True), sink.secured if tls else sink.clear) as peer:
            run = peer.run(sink, 100, domains)
            pids = [process.pid for process in peer.groups()["postfix"]]
            assert len(pids) > 5
    finally:
        sink.stop()
    assert run.messages_per_s > 10 and run.cpu_ms_per_message > 0
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)


@pytest.mark.long
def test_our_side_delivers_all_to_the_sink() -> None:
    size = throughput.Size(1, 300, 0, 0, (throughput.TLS_SIGNED,), ())
    figures = throughput.measured(size)
    assert figures["tls_rsa.messages_per_s"] > 10
    assert {"engines", "postgres", "web", "others"} <= {key.rpartition(".")[2] for key in figures if ".cpu_ms." in key}
    assert "vs_postfix_tls" not in figures
