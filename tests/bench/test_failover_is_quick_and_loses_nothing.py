"""The failover benchmark in short: two zones, three nodes, faults of all kinds, load with all cores burning. Times are the benchmark's own business."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flow.platform import ROOT


@pytest.mark.long
def test_what_fails_is_found_and_nothing_is_lost(tmp_path: Path) -> None:
    """In a process of its own, for it moves to a network of its own."""
    told = tmp_path / "figures.json"
    command = [sys.executable, "-m", "tests.bench", "failover", "--short", "--json", str(told)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "BURN_S": "30"}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(told.read_text())["figures"]
    assert figures["lost"] == figures["doubled_unexplained"] == 0, done.stdout
