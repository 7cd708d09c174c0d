"""The tests' own world: settings by environment and a real PostgreSQL in a folder of its own.

Loaded as a pytest plugin before Django's settings are. The first process starts the server; xdist's workers inherit its URL
and use a database each. It ends with the run, also when the run is interrupted or told to stop; what a killed run left behind, the
next one clears up.
"""

import atexit
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import settings

from mailplatform.up.postgres import EmbeddedPostgres

PREFIX = "mp-test-"
PLATFORMS = "whole platforms"
WHOLE_PLATFORMS = (
    "tests/flow/", "tests/up/test_a_platform_comes_and_goes.py", "tests/bench/test_a_deep_queue", "tests/bench/test_no_window", "tests/bench/test_routing",
    "tests/bench/test_throughput",
)  # fmt: skip

os.environ.update(
    DJANGO_SETTINGS_MODULE="mailplatform.settings",
    MAIL_MODE="sandbox",
    STATICFILES_BACKEND="django.contrib.staticfiles.storage.StaticFilesStorage",
    LOG_LEVEL="WARNING",
)
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + os.urandom(16).hex())
os.environ.setdefault("ENCRYPTION_KEYS", Fernet.generate_key().decode())


def _clear_up_after_killed_runs() -> None:
    for folder in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        try:
            owner = int((folder / "owner").read_text())
            os.kill(owner, 0)
        except ProcessLookupError:
            EmbeddedPostgres(folder).end_survivor()
            shutil.rmtree(folder, ignore_errors=True)
        except (OSError, ValueError):
            pass  # somebody else's, or one that is just being made


def _end() -> None:
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


if "TEST_DATABASE_URL" not in os.environ:
    _clear_up_after_killed_runs()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    (folder / "owner").write_text(str(os.getpid()))
    (folder / "static").mkdir()  # whitenoise looks for it
    server = EmbeddedPostgres(folder, fsync="off", max_connections="300")
    atexit.register(_end)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that atexit runs
    server.start()
    os.environ["TEST_DATABASE_URL"] = server.url
    os.environ["DATA_DIR"] = str(folder)

os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]


# No deadline for single examples: on a machine that is busy with the rest of the suite it would only measure the neighbours. The suite asks the same
# questions each time, so that it fails by what was changed; `bin/test --all` asks new ones.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("new", deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("same" if config.option.markexpr == "not long" else "new")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole platforms first: they take longest, and a long run at the end would keep one worker alone."""
    items.sort(key=lambda item: _shares_a_worker(item.nodeid) != PLATFORMS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With -n, a file's tests share a worker, and so what they have set up.

    A scheduler of our own because pytest-xdist 3.8's `loadgroup` has no effect with pytest 9.2 (it writes `_nodeid`).
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _shares_a_worker(nodeid)

    config.option.loadscopereorder = False
    return ByFile(config, log)


def _shares_a_worker(nodeid: str) -> str:
    """Whole platforms run one after another: two at a time would measure each other."""
    return PLATFORMS if nodeid.startswith(WHOLE_PLATFORMS) else nodeid.partition("::")[0]
