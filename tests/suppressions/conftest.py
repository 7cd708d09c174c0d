from tests.api.conftest import acme, client, other  # noqa: F401 - fixtures
from tests.console.conftest import as_role, browser, world  # noqa: F401 - fixtures
