from tests.api.conftest import acme, other  # noqa: F401 - fixtures
from tests.console.conftest import as_role, world  # noqa: F401 - fixtures
