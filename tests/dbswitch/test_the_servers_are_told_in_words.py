"""Which server is the primary, whether a standby could take over, and how far behind it is: in words, and for drills."""

import pytest

from monitoring.database_switch import Servers, Standby, sentence

KEEPS_UP = Standby("two", True, True, 0.004, 100)


@pytest.mark.parametrize(
    ("servers", "could", "says"),
    [
        (Servers("one:5432", 2, True, (KEEPS_UP,)), True, "one:5432 is the primary; standby two keeps up; what is accepted is on both"),
        (Servers("one:5432", 2, False, (KEEPS_UP,)), False, "what is accepted is not waited for there"),
        (Servers("one:5432", 2, True, ()), False, "one:5432 answers; no standby follows it. Commits wait for one all the same"),
        (Servers("the database", 1, False, ()), False, "the database answers; no standby follows it."),
        (Servers("db:5432", 1, True, (KEEPS_UP,)), False, "DATABASE_URL names one server"),
        (Servers("one:5432", 2, True, (Standby("two", True, True, 42.0, 10**9),)), True, "standby two is 42 s behind"),
        (Servers("one:5432", 2, True, (Standby("two", False, False, None, None),)), False, "standby two catches up"),
        (Servers("one:5432", 2, True, (Standby("two", None, None, None, None),)), True, "needs GRANT pg_monitor"),
    ],
)
def test_it_says_what_a_switch_would_meet(servers: Servers, could: bool, says: str) -> None:
    assert servers.could_switch is could
    assert says in sentence(servers)
