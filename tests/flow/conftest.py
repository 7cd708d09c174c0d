"""One platform for all flow tests, in one xdist worker; each test leaves it idle."""

from collections.abc import Iterator

import pytest

from tests.flow.platform import Platform, running, wait_until


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with running(MONITORING_HURRY="0.05") as platform:
        yield platform


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
