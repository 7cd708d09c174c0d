"""One platform for all flow tests, in one xdist worker; each test leaves it idle."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.platform import Platform, wait_until


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


@pytest.fixture(autouse=True)
def leaves_it_idle(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test left waiting is withdrawn; what is on its way ends first; engines that it ended are back."""
    yield
    if "platform" in request.fixturenames:
        platform: Platform = request.getfixturevalue("platform")
        platform.withdraw_everything()
        wait_until(lambda: platform.queued() == 0 or platform.withdraw_everything(), 30, "the queue was empty")
        wait_until(platform.at_full_strength, 60, "both engines had their sending IPs")


@pytest.fixture
def forgetful(platform: Platform, leaves_it_idle: None) -> Iterator[Platform]:
    """For tests that teach paths a lesson: providers and engines forget it afterwards."""
    yield platform
    platform.forget_learned()
