"""mailplatform.up.narrator: a restart is told once, a failure now and then, a recovery always."""

from pathlib import Path

import pytest

from mailplatform.up.narrator import OFTEN, PAUSE_S, Narrator
from mailplatform.up.supervisor import Sight


@pytest.fixture
def narrator(tmp_path: Path) -> Narrator:
    narrator = Narrator(tmp_path)
    narrator.tell([sight("RUNNING", 10)], 0)
    return narrator


def sight(state: str, pid: int) -> Sight:
    return Sight("web", state, pid, 0, "")


def test_a_restart_is_told_once_with_how_it_ended(narrator: Narrator) -> None:
    narrator.file.write_text("2026-01-01 WARN exited: web (terminated by SIGKILL; not expected)\n")
    assert narrator.tell([sight("EXITED", 0)], 1) == []
    assert narrator.tell([sight("STARTING", 11)], 2) == [f"web: terminated by SIGKILL; it was started again (log: {narrator.logs}/web.log)."]
    assert narrator.tell([sight("RUNNING", 11)], 3) == []


def test_what_fails_again_and_again_is_told_now_and_then(narrator: Narrator) -> None:
    told = []
    for second in range(0, 100, 2):
        told += narrator.tell([sight("BACKOFF", 0)], second)
        told += narrator.tell([sight("STARTING", 20 + second)], second + 1)
    assert OFTEN < len(told) <= OFTEN + 100 / PAUSE_S + 1
    assert all("will be started again after a pause" in sentence for sentence in told)


def test_a_recovery_is_told(narrator: Narrator) -> None:
    narrator.tell([sight("BACKOFF", 0)], 1)
    assert narrator.tell([sight("STARTING", 12)], 2) == []
    assert narrator.tell([sight("RUNNING", 12)], 3) == ["web: runs again."]
    assert narrator.tell([sight("RUNNING", 12)], 4) == []


def test_a_rotated_log_is_read_from_its_beginning(narrator: Narrator) -> None:
    narrator.file.write_text("x" * 1000)
    narrator.tell([sight("RUNNING", 10)], 1)
    narrator.file.write_text("exited: web (exit status 3; not expected)\n")
    assert "exit status 3" in narrator.tell([sight("RUNNING", 13)], 2)[0]
