import pytest
from hypothesis import given
from hypothesis import strategies as st

from pools.models import Provider
from pools.providers.profile import FIELDS, Profile, problems_with_overrides, profile_of


@pytest.mark.parametrize("overrides", [{"connection": 3}, {"connections": 0}, {"connections": "3"}, {"connections": True}, {"connections": None}, {"tls_mode": "none"}, [1]])
def test_an_override_that_means_nothing_is_refused(overrides: object) -> None:
    assert problems_with_overrides(overrides)


def test_an_override_that_lifts_a_rate_is_taken() -> None:
    assert not problems_with_overrides({"connections": 3, "per_second": None, "tls_mode": "verified"})


VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.floats()


@given(overrides=st.dictionaries(st.sampled_from(sorted(FIELDS)) | st.text(), VALUES), limits=st.dictionaries(st.sampled_from(sorted(FIELDS)), VALUES | st.builds(lambda v: {"value": v}, VALUES)))
def test_whatever_stands_in_a_row_gives_a_profile(overrides: dict[str, object], limits: dict[str, object]) -> None:
    row = Provider(key="x", name="x", overrides=overrides, facts={"limits": limits})
    profile = profile_of(row, Provider(key="default", name="d"))
    assert isinstance(profile, Profile) and profile.connections >= 1 and profile.tls_mode in ("required", "verified")
    assert all(rate.per >= 1 for rate in profile.message_rates)
