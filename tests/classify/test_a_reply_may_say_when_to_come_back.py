import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.classify.asked import LONGEST_S, wait_asked_s


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("450 4.2.0 Greylisted, please try again in 300 seconds", 310),
        ("451 4.7.1 Greylisting in action, please come back in 00:04:58", None),
        ("451 4.7.1 Greylisted for 5 minutes", 310),
        ("450 4.7.1 deferred for 60 seconds", 70),
        ("421 4.7.0 Try again in 1 hour", 3610),
        ("451 retry after 90s", 100),
        ("450 please try again in 0.3 seconds", 11),
        ("450 try again in 99999 hours", LONGEST_S),
        ("550 try again in 300 seconds", None),
        ("450 4.2.0 try again later", None),
        ("451 Messages in 30 minute window exceeded", None),
    ],
)
def test_a_reply_may_say_when_to_come_back(text: str, wait_s: int | None) -> None:
    assert wait_asked_s(text) == wait_s


@given(text=st.text())
def test_any_text_is_read(text: str) -> None:
    wait_s = wait_asked_s("4" + text)
    assert wait_s is None or 0 < wait_s <= LONGEST_S
