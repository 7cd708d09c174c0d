"""mailplatform.up.options and ports: one sentence each, that names the way out."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailplatform.up.options import ROOT, Refused, read
from mailplatform.up.ports import claim_web_port, sandbox_ports


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


def test_a_refusal_is_one_line_and_no_traceback(taken: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mailplatform.up", "--data", str(tmp_path / "data"), "--port", str(taken)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"Port {taken} on 127.0.0.1 is taken")
    assert done.stdout == ""
