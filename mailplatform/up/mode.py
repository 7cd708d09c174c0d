"""Whether this database is the sandbox's or the world's: written when it is made, never changed.

Owns: the table platform_installation, one row. It stands outside Django's migrations so that a wrong mode is refused before anything else
in the database is touched.
"""

from mailplatform.shell.database.connect import connect
from mailplatform.up.options import Refused

_TABLE = """
    CREATE TABLE IF NOT EXISTS platform_installation (
        only_one  boolean     PRIMARY KEY DEFAULT true CHECK (only_one),
        mail_mode text        NOT NULL CHECK (mail_mode IN ('sandbox', 'live')),
        made_at   timestamptz NOT NULL DEFAULT now()
    )
"""

_WHY_NOT = {
    ("sandbox", "live"): "This data was made for the sandbox and holds simulated tenants: "
    "start --live with a data folder (or database) of its own, like --data live.",
    ("live", "sandbox"): "This data is live: start with --live, or give the sandbox a data folder (or database) of its own, like --data sandbox.",
}


def settle_mode(database_url: str, mode: str) -> str:
    """Write the mode into a new database; refuse to start one in the other's mode."""
    with connect(database_url) as connection:
        connection.execute(_TABLE)
        connection.execute("INSERT INTO platform_installation (mail_mode) VALUES (%s) ON CONFLICT DO NOTHING", [mode])
        row = connection.execute("SELECT mail_mode FROM platform_installation").fetchone()
    made_for = row[0] if row else mode
    if made_for != mode:
        raise Refused(_WHY_NOT[made_for, mode])
    return str(made_for)
