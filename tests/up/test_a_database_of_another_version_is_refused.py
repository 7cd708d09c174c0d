"""A database with changes that this checkout does not know is refused before anything in it is changed."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from mailplatform.shell.database.changes import another_version, unknown
from mailplatform.up import prepare
from mailplatform.up.options import Refused


@pytest.fixture
def as_an_earlier_commit_left_it(db: None) -> MigrationRecorder:
    """A queue of the time before the changes were written as one an app; the last change of another app is missing."""
    recorder = MigrationRecorder(connection)
    recorder.record_applied("delivery", "0001_initial")
    recorder.record_unapplied("warming", "0001_first_form")
    return recorder


def test_a_database_of_this_version_has_nothing_unknown(db: None) -> None:
    assert (unknown(), another_version()) == ([], "")
    call_command("migrate", verbosity=0)


def test_neither_migrate_nor_a_start_touches_it(as_an_earlier_commit_left_it: MigrationRecorder) -> None:
    with pytest.raises(CommandError, match=r"made by another version: it has 1 changes .*the first is delivery\.0001_initial.*start with an empty database"):
        call_command("migrate", verbosity=0)
    with pytest.raises(Refused, match="Nothing was changed"):
        prepare.migrate()
    assert ("warming", "0001_first_form") not in as_an_earlier_commit_left_it.applied_migrations()


def test_a_machine_that_joins_is_told_to_update(db: None) -> None:
    MigrationRecorder(connection).record_applied("delivery", "9999_of_tomorrow")
    with pytest.raises(Refused, match="This checkout is older than the platform: the database has 1 changes"):
        prepare.is_of_this_version()
