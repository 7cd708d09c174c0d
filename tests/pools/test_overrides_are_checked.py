import pytest
from hypothesis import given
from hypothesis import strategies as st

from pools.models import Provider
from pools.providers.profile import FIELDS, Profile, problems_with_overrides, profile_of

BAD = [{"connection": 3}, {"connections": 0}, {"connections": "3"}, {"connections": True}, {"connections": None}, {"tls_mode": "none"}, [1]]


@pytest.mark.parametrize("overrides", BAD)
def test_an_override_that_means_nothing_is_refused(overrides: object) -> None:
    assert problems_with_overrides(overrides)


def test_an_override_that_lifts_a_rate_is_taken() -> None:
    assert not problems_with_overrides({"connections": 3, "per_second": None, "tls_mode": "verified"})


VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.floats()
NAMES = st.sampled_from(sorted(FIELDS))
FACTS = st.dictionaries(NAMES, VALUES | st.builds(lambda value: {"value": value}, VALUES))


@given(overrides=st.dictionaries(NAMES | st.text(), VALUES), limits=FACTS)
def test_whatever_stands_in_a_row_gives_a_profile(overrides: dict[str, object], limits: dict[str, object]) -> None:
    row = Provider(key="x", name="x", overrides=overrides, facts={"limits": limits})
    profile = profile_of(row, Provider(key="default", name="d"))
    assert isinstance(profile, Profile) and profile.connections >= 1 and profile.tls_mode in ("required", "verified")
    assert all(rate.per >= 1 for rate in profile.message_rates)
