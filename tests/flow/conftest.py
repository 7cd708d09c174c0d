"""One platform for all flow tests, in one xdist worker; each test leaves it idle."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.platform import Platform


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/flow/" in str(item.path):
            item.add_marker(pytest.mark.xdist_group("flow"))


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    folder = Path(tempfile.mkdtemp(prefix="mp-flow-"))
    platform = Platform(folder / "data")
    try:
        platform.start()
        yield platform
    finally:
        if platform.process is not None:
            platform.stop()
        shutil.rmtree(folder, ignore_errors=True)
