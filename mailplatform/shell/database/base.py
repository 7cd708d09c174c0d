"""Django's way to the database: its own, with connections that are opened and watched as everybody's are.

While the database is away one thread of a process tries to open a connection and the others are told at once what it heard last (`gate`): a request that
needs the database fails quickly, instead of keeping a thread for each server's connect_timeout.
"""

from collections import defaultdict
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Error, IsolationLevel

from mailplatform.shell.database.connect import connect_as_django
from mailplatform.shell.database.gate import Gate

_gates: defaultdict[tuple[Any, ...], Gate] = defaultdict(Gate)  # by where it goes


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc]
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self.isolation_level = IsolationLevel.READ_COMMITTED  # Django's default, and the only one that is used here
        return _gates[tuple(conn_params.get(name) for name in ("host", "port", "dbname"))].through(lambda: connect_as_django(conn_params))

    def is_usable(self) -> bool:
        """A session of a server that was demoted answers, and is of no use."""
        if self.connection is None:
            return False
        try:
            with self.connection.cursor() as cursor:
                read_only = cursor.execute("SHOW transaction_read_only").fetchone()
        except Error:
            return False
        return bool(read_only and read_only[0] == "off")
