"""mailplatform.up.options and ports: one sentence each, that names the way out."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailplatform.up.options import ROOT, Refused, read
from mailplatform.up.ports import Ports, claim_web_port, sandbox_ports, submission_places
from mailplatform.up.programs import Topology, platform


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TLS_CERTIFICATE", "TLS_CERTIFICATE_KEY", "BEHIND_PROXY", "DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_names_who_has_it_and_a_free_one(taken: int) -> None:
    way_out = r"start bin/up with --port \d+, or end what uses it\."
    with pytest.raises(Refused, match=rf"Port {taken} on 127.0.0.1 is taken by .*\(process {os.getpid()}\): {way_out}") as refused:
        claim_web_port("127.0.0.1", taken)
    free = int(str(refused.value).rsplit("--port ")[1].split(",")[0])
    claim_web_port("127.0.0.1", free)


def test_a_machine_of_one_zone_runs_that_zones_nodes_alone() -> None:
    whole = Topology((("north-1", "north"), ("south-1", "south"), ("south-2", "south")), ("north", "south"))
    names = {program.name for program in platform(read(["--zone", "south"]), whole.of_zone("south"), None)}
    assert {"agent-south-1", "cluster-south-1", "agent-south-2", "watcher-south", "web"} <= names
    assert not [name for name in names if "north" in name]
    assert whole.of_zone("") == whole
    with pytest.raises(Refused, match=r"There is no zone 'sout': there are north, south\."):
        whole.of_zone("sout")


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(Refused, match=r"192\.0\.2\.1 is not an address of this machine"):
        claim_web_port("192.0.2.1", 8000)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--host", "example"], "--host example is not an address: give one of this machine's"),
        (["--port", "70000"], "There is no port 70000"),
        (["--port", "many"], "see bin/up --help"),
        (["--lives"], "see bin/up --help"),
        (["--live", "--host", "0.0.0.0"], "--live does not answer plain HTTP on 0.0.0.0: set TLS_CERTIFICATE"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments: list[str], says: str) -> None:
    with pytest.raises(Refused, match=says):
        read(arguments)


def test_live_beyond_loopback_takes_a_certificate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TLS_CERTIFICATE", "TLS_CERTIFICATE_KEY"):
        file = tmp_path / name
        file.write_text("pem")
        monkeypatch.setenv(name, str(file))
    assert read(["--live", "--host", "0.0.0.0"]).public_url == "https://127.0.0.1:8000"
    monkeypatch.delenv("TLS_CERTIFICATE_KEY")
    with pytest.raises(Refused, match="A certificate needs its key"):
        read(["--live", "--host", "0.0.0.0"])


def test_live_on_loopback_needs_none() -> None:
    chosen = read(["--live"])
    assert chosen.live
    assert not chosen.demo_traffic


def test_help_explains_every_option() -> None:
    done = subprocess.run([sys.executable, "-m", "mailplatform.up", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    for option in ("--host", "--port", "--data", "--no-demo", "--live"):
        assert option in done.stdout
    assert "real internet" in done.stdout


def test_sandbox_ports_stay_until_somebody_takes_one(tmp_path: Path) -> None:
    first = sandbox_ports(tmp_path)
    assert sandbox_ports(tmp_path) == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", first.smtp))
        other.listen()
        moved = sandbox_ports(tmp_path)
    assert moved.smtp != first.smtp
    assert (moved.dns, moved.inbox) == (first.dns, first.inbox)
    assert len({moved.dns, moved.smtp, moved.inbox}) == 3


def test_two_that_start_at_once_share_no_port(tmp_path: Path) -> None:
    """Neither listens yet: both have only looked."""
    code = (
        "import dataclasses, pathlib, sys; from mailplatform.up.ports import sandbox_ports; "
        "print(*dataclasses.astuple(sandbox_ports(pathlib.Path(sys.argv[1]))), flush=True); input()"
    )
    starts = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        starts.append(subprocess.Popen([sys.executable, "-c", code, str(tmp_path / name)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    try:
        chosen = [set(start.stdout.readline().split()) for start in starts if start.stdout]
    finally:
        for start in starts:
            start.communicate("\n", timeout=20)
    assert len(chosen[0]) == len(chosen[1]) == 7
    assert not chosen[0] & chosen[1]


def test_a_refusal_is_one_line_and_no_traceback(taken: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mailplatform.up", "--data", str(tmp_path / "data"), "--port", str(taken)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"Port {taken} on 127.0.0.1 is taken")
    assert done.stdout == ""


def test_a_port_for_submission_that_was_asked_for_is_had_or_refused(taken: int) -> None:
    with pytest.raises(Refused, match=rf"Port {taken} .* start bin/up with --submission-port \d+"):
        submission_places(read(["--submission-port", str(taken)]), None)
    with pytest.raises(Refused, match="There is no port 70000"):
        read(["--submission-tls-port", "70000"])
    places = submission_places(read(["--submission-port", "0", "--submission-tls-port", str(free := taken_by_nobody())]), None)
    assert places == {"SUBMISSION": "", "SUBMISSION_TLS": f"127.0.0.1:{free}"}
    sandbox = Ports(dns=1, smtp=2, inbox=3, https=4, returns=5, submission=6, submission_tls=7)
    assert submission_places(read([]), sandbox) == {"SUBMISSION": "127.0.0.1:6", "SUBMISSION_TLS": "127.0.0.1:7"}


def taken_by_nobody() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
