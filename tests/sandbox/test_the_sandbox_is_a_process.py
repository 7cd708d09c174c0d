"""`python -m mailplatform.sandbox`: starts on free ports, says where, stops at once, and keeps what it has."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from .correspondent import eventually


def start(data: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mailplatform.sandbox", "--data", str(data), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())})


def test_it_says_where_it_listens_and_ends_on_sigterm(tmp_path: Path) -> None:
    process = start(tmp_path / "data")
    try:
        ports = json.loads(eventually(lambda: (tmp_path / "data" / "ports.json").exists() and (tmp_path / "data" / "ports.json").read_text(), 20))
        with urllib.request.urlopen(ports["url"] + "/api/state", timeout=5) as response:
            assert json.loads(response.read())["simulated"] is True
        with socket.create_connection(("127.20.1.1", ports["smtp"]), 5) as connection:
            assert connection.recv(100).startswith(b"220 mx.google.com")
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert Path(ports["ca_file"]).exists()
    finally:
        process.kill()
        process.communicate()


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(tmp_path / "data", "--http", f"127.0.0.1:{taken.getsockname()[1]}")
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert errors.startswith(b"The sandbox cannot start:")
    assert b"Traceback" not in errors
