"""Which changes (migrations) a database has had that this checkout does not know.

A database that another version made is refused before anything is changed: half of one version and half of another would stand in it.
"""

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.loader import MigrationLoader

ANOTHER_VERSION = (
    "This database was made by another version: it has {count} changes that this checkout does not know (the first is {first}). "
    "Nothing was changed. Use that version, or a newer checkout. Where the database comes from before 0.1.0, whose changes were written as one an app, "
    "no version brings it along: start with an empty database (another --data folder or DATABASE_URL)."
)


def unknown(using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """The changes in the database that no file of this checkout describes, as app.name, in order."""
    loader = MigrationLoader(connections[using])
    return [f"{app}.{name}" for app, name in sorted(set(loader.applied_migrations) - set(loader.disk_migrations))]


def another_version(using: str = DEFAULT_DB_ALIAS) -> str:
    """The sentence that refuses a database of another version; empty: it is one of ours."""
    found = unknown(using)
    return ANOTHER_VERSION.format(count=len(found), first=found[0]) if found else ""
