"""`wire_ready` saves the look at a body, and changes nothing of what travels."""

from hypothesis import given
from hypothesis import strategies as st

from delivery.smtp.commands import stuffed
from delivery.submit.compose import compose
from tests.submit.test_what_is_meant_is_understood import ID, NOW, understood


@given(st.text("ab.\r\n é", max_size=60) | st.none(), st.text("ab.\r\n<é", max_size=60))
def test_what_travels_is_the_same(text: str | None, html: str) -> None:
    composed = compose(understood(text=text, html=html or "x"), ID, NOW)
    head, body = composed.mime[: composed.head_length], composed.mime[composed.head_length :]
    assert stuffed(head, body, composed.wire_ready) == stuffed(head, body)


def test_a_line_that_begins_with_a_dot_is_looked_for() -> None:
    assert not compose(understood(text="one\n.two"), ID, NOW).wire_ready
    assert not compose(understood(text=".one"), ID, NOW).wire_ready
    assert compose(understood(text="one.\ntwo"), ID, NOW).wire_ready
