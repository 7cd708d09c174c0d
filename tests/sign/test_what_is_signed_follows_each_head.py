"""The order of signed fields is kept by which fields a head has: heads of different makes, one after the other, each get their own."""

from hypothesis import given
from hypothesis import strategies as st

from delivery.sign.dkim import OVERSIGNED, SIGNED, signed_lines

NAMES = [b"From", b"to", b"CC", b"Subject", b"Received", b"X-Other", b"List-ID", b"Reply-To "]
FIELDS = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 9)), max_size=9)


@given(FIELDS)
def test_every_field_is_signed_from_its_last_up_and_named_as_often_as_it_must(fields: list[tuple[bytes, int]]) -> None:
    names, lines = signed_lines(b"".join(b"%b: \t%d  x\r\n\ty \r\n" % field for field in fields))
    wanted_names: list[bytes] = []
    wanted_lines: list[bytes] = []
    for name in SIGNED:
        values = [value for field, value in fields if field.strip().lower() == name]
        wanted_lines += [b"%b:%d x y\r\n" % (name, value) for value in reversed(values)]
        wanted_names += [name] * (len(values) + (name in OVERSIGNED and bool(values or name in (b"from", b"subject"))))
    assert (names, lines) == (b":".join(wanted_names), b"".join(wanted_lines))
