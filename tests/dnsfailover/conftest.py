"""A real DNS server for a file's tests, where BIND is installed."""

from collections.abc import Iterator

import pytest

from tests.dnsfailover.named import PROGRAM, ZONE, Named


@pytest.fixture(scope="module")
def server() -> Iterator[Named]:
    if PROGRAM is None:
        pytest.skip("bind9 is not installed")
    with Named() as primary:
        yield primary


@pytest.fixture
def named(server: Named, transactional_db: None) -> Named:
    """The server, with the managed name gone."""
    server.edit(f"api.{ZONE}", "A")
    return server
