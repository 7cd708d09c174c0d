"""A simulated world for each test, on free ports."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailplatform.sandbox.aside import Aside, running


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    """The extra zones file; a test that needs records writes it."""
    return tmp_path / "zones.json"


@pytest.fixture
def world(tmp_path: Path, zones: Path) -> Iterator[Aside]:
    with running(tmp_path / "sandbox", zones=zones) as aside:
        yield aside
