"""mailplatform.up.installation: secrets, the environment of all processes, one bin/up a folder."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from mailplatform.up.installation import MARK, Installation, environment, read_lines
from mailplatform.up.options import Options, Refused
from mailplatform.up.ports import Ports

NAMES = ("SECRET_KEY", "ENCRYPTION_KEYS", "METRICS_TOKEN")


@pytest.fixture(autouse=True)
def without_secrets_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, "DATABASE_URL", "PUBLIC_URL", "ALLOWED_HOSTS", "DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


def options(data: Path, **changes: object) -> Options:
    return Options(**{"host": "127.0.0.1", "port": 8000, "data": data, "demo_traffic": True, "live": False, **changes})  # type: ignore[arg-type]


def test_secrets_are_made_once_and_for_each_installation(tmp_path: Path) -> None:
    one, other = Installation(tmp_path / "one"), Installation(tmp_path / "other")
    one.open()
    other.open()
    first = one.secrets()
    assert set(first) == set(NAMES)
    assert one.secrets() == first
    assert not set(first.values()) & set(other.secrets().values())
    Fernet(first["ENCRYPTION_KEYS"])
    assert min(len(value) for value in first.values()) >= 43


def test_secrets_and_settings_are_for_this_user_alone(tmp_path: Path) -> None:
    one = Installation(tmp_path / "data")
    one.open()
    one.remember({**environment(options(one.data), one, "postgresql:///x", None), **one.mark()})
    assert stat.S_IMODE(one.data.stat().st_mode) == 0o700
    assert stat.S_IMODE((one.data / "secrets.env").stat().st_mode) == 0o600
    assert stat.S_IMODE((one.data / "environment.env").stat().st_mode) == 0o600
    kept = read_lines(one.data / "environment.env")
    assert kept["DATABASE_URL"] == "postgresql:///x"
    assert not {*NAMES, MARK} & set(kept)


def test_a_secret_from_outside_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Installation(tmp_path / "data")
    one.open()
    monkeypatch.setenv("SECRET_KEY", "theirs")
    assert one.secrets()["SECRET_KEY"] == "theirs"
    assert "theirs" not in (one.data / "secrets.env").read_text()


def test_a_second_bin_up_in_a_folder_is_refused_in_a_sentence(tmp_path: Path) -> None:
    one = Installation(tmp_path / "data")
    one.open()
    with pytest.raises(Refused, match=rf"already runs in .* \(process {os.getpid()}\): end it first, or choose another folder with --data"):
        Installation(tmp_path / "data").open()


def test_a_folder_that_cannot_be_written_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"cannot be written to .*: choose a folder of your own with --data"):
        Installation(tmp_path / "file" / "data").open()


def test_sandbox_processes_know_nothing_but_the_sandbox(tmp_path: Path) -> None:
    one = Installation(tmp_path / "data")
    one.open()
    told = environment(options(one.data), one, "postgresql:///x", Ports(dns=5300, smtp=2525, inbox=8025, https=8443, returns=2526))
    assert told["MAIL_MODE"] == "sandbox"
    assert told["RESOLVER"] == "127.0.0.1:5300"
    assert told["SMTP_PORT"] == "2525"
    assert told["SANDBOX_URL"] == "http://127.0.0.1:8025"
    live = environment(options(one.data, live=True), one, "postgresql:///x", None)
    assert live["MAIL_MODE"] == "live"
    assert not {"RESOLVER", "SMTP_PORT", "SANDBOX_URL", "EXTRA_CA_FILE"} & set(live)


def test_there_is_no_default_secret() -> None:
    bare = {name: value for name, value in os.environ.items() if name not in (*NAMES, "DJANGO_SETTINGS_MODULE")}
    bare["DATABASE_URL"] = "postgresql:///x"
    done = subprocess.run([sys.executable, "-c", "import mailplatform.settings"], env=bare, capture_output=True, text=True)
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr
