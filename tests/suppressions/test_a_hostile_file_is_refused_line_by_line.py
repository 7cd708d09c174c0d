"""Huge lines, NULs, formulas, quotes that never end, half a UTF-16: what can be read is taken in, the rest is refused by its line, nothing falls over."""

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from delivery.models import SuppressionImportPart
from delivery.suppressions.recognise import recognise
from delivery.suppressions.rows import Refusal, Row, guarded, rows_of, unguarded
from delivery.suppressions.text import MAX_LINE, Reader, parts_of
from mailplatform.shell.clock import now
from tests.api.world import Sender
from tests.suppressions.files import imported, listed


def test_bad_lines_are_named_and_good_ones_taken(client: Client, acme: Sender) -> None:
    lines = [
        b"email,reason", b"a@gmail.com,bounce", b"=cmd|' /C calc'!A0,bounce", b"nobody,bounce", b"b\0b@gmail.com,bounce", b'"open@gmail.com,bounce',
        b"x" * 100_000 + b"@gmail.com,bounce", b'"c@gmail.com","bou\nnce"', b"", b",,,", b"c@gmail.com", b"d@gmail.com,bounce,extra,cells",
    ]  # fmt: skip
    result = imported(client, acme, b"\n".join(lines))
    assert set(listed(acme)) == {"a@gmail.com", "c@gmail.com", "d@gmail.com"}, result
    refused = {one["line"]: one["problem"] for one in result["refused_lines"]}
    assert set(refused) == {3, 4, 5, 6, 7, 11}, refused
    assert "quotation mark" in refused[6] and "characters" in refused[7] and "no @" in refused[4]
    assert result["refused"] == 6 and result["state"] == "done" and not SuppressionImportPart.objects.exists()


def test_a_quote_that_never_ends_costs_its_line_alone(client: Client, acme: Sender) -> None:
    good = b"".join(b"p%d@gmail.com,manual\n" % n for n in range(200))
    result = imported(client, acme, b"email,reason\n" + b'"broken@gmail.com,manual\n' + good)
    assert (result["added"], result["refused"]) == (200, 1)


def test_a_quoted_field_may_span_lines(client: Client, acme: Sender) -> None:
    result = imported(client, acme, b'email,reason,status,created\na@gmail.com,"550 no\nsuch\nuser",5.1.1,1443651141\nb@gmail.com,x,5.1.1,1443651141\n')
    assert (result["added"], result["refused"], result["lines"]) == (2, 0, 5)
    assert "no\nsuch\nuser" in listed(acme)["a@gmail.com"][1]


def test_the_sample_of_refused_lines_is_bounded(client: Client, acme: Sender) -> None:
    result = imported(client, acme, b"email\n" + b"no address\n" * 500)
    assert result["refused"] == 500 and len(result["refused_lines"]) == 100


@how(max_examples=150, deadline=None)
@given(st.binary(max_size=3000))
def test_no_bytes_make_it_fall_over(data: bytes) -> None:
    import io

    for prefix in (b"", b"email,reason\n", b'{"email": "a@b.example"}\n'):
        lines = list(Reader(io.BytesIO(prefix + data)).lines())
        assert all(len(line) <= MAX_LINE + 1 and "\0" not in line for line in lines)
        layout = recognise(lines)
        if layout:
            for part in parts_of(lines):
                assert all(isinstance(row, Row | Refusal) for row in rows_of(part.content, part.first_line, layout, "manual", now()))


@given(st.text(max_size=50))
def test_a_guard_comes_off_as_it_went_on(value: str) -> None:
    assert unguarded(guarded(value)) == value
    assert not guarded(value).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_parts_end_between_records() -> None:
    lines = ['p@gmail.com,"a', 'b"'] * 40_000
    parts = list(parts_of(lines))
    assert len(parts) > 1 and all(part.content.count('"') % 2 == 0 for part in parts)
    assert sum(part.lines for part in parts) == len(lines) and parts[1].first_line == parts[0].lines + 1


@pytest.mark.parametrize("reason", ["", "nonsense"])
def test_a_word_that_the_source_never_wrote_is_refused(client: Client, acme: Sender, reason: str) -> None:
    result = imported(client, acme, b"EmailAddress,SuppressionReason,Origin,CreatedAt\na@gmail.com,%s,Customer,\n" % reason.encode())
    assert (result["added"], result["refused"]) == ((1, 0) if not reason else (0, 1))
