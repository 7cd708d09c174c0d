"""Microsoft SNDS and Google Postmaster Tools: what a file says, whatever bytes it is made of."""

import json
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailplatform.shell.clock import now
from mailplatform.tenants.models import SendingDomain, Tenant
from pools.listings import grades
from pools.listings.grades import MAX_BYTES, parse
from pools.listings.imports import look_into, store, that_count
from pools.listings.models import ProviderGrade
from pools.models import SendingIP

HEADS = (
    "IP Address,Activity Start,Activity End,RCPT Commands,DATA Commands,Message Recipients,Filter Result,Complaint Rate,"
    "Trap Message Period Start,Trap Message Period End,Trap Hits,Sample HELO,Sample MAIL FROM,Comments"
)  # fmt: skip
GREEN = '127.10.1.1,11/21/2026 12:00 AM,11/21/2026 11:59 PM,"1,204",1190,1188,GREEN,< 0.1%,,,0,mta.platform.example,a@b.example,'
RED = "127.10.1.2,11/21/2026 12:00 AM,11/21/2026 11:59 PM,900,880,870,RED,0.4%,11/21/2026 1:00 AM,11/21/2026 2:00 AM,3,=cmd(),+x,"
V1 = {
    "trafficStats": [
        {
            "name": "domains/brightfield.example/trafficStats/20261121", "userReportedSpamRatio": 0.0021, "domainReputation": "MEDIUM",
            "spfSuccessRatio": 1, "dkimSuccessRatio": 0.99, "dmarcSuccessRatio": 0.98,
            "ipReputations": [{"reputation": "LOW", "ipCount": "1", "sampleIps": ["127.10.1.3"]}, {"reputation": "HIGH", "ipCount": "0"}],
        }
    ]
}  # fmt: skip
_DAY = {"year": 2026, "month": 11, "day": 21}
V2 = {
    "domainStats": [
        {"name": "domains/brightfield.example/domainStats/x1", "metric": "spam_rate", "date": _DAY, "value": {"doubleValue": 0.004}},
        {"name": "domains/brightfield.example/domainStats/x2", "metric": "dkim", "date": _DAY, "value": {"doubleValue": 0.99}},
    ]
}


def rows(text: str, domain: str = "") -> dict[str, tuple[str, dict[str, object]]]:
    return {row.subject: (row.grade, row.figures) for row in parse(text.encode(), domain).rows}


@pytest.mark.parametrize("heads", [HEADS + "\r\n", ""])
def test_snds_with_and_without_heads(heads: str) -> None:
    found = rows(f"{heads}{GREEN}\r\n{RED}\r\n")
    assert found["127.10.1.1"] == (
        "good", {"complaint_rate": 0.001, "filter_result": "green", "rcpt_commands": 1204, "data_commands": 1190, "message_recipients": 1188, "trap_hits": 0},
    )  # fmt: skip
    assert found["127.10.1.2"][0] == "bad" and found["127.10.1.2"][1]["trap_hits"] == 3


def test_lines_that_cannot_be_read_are_told_with_their_numbers() -> None:
    said = parse(f"{HEADS}\n{GREEN}\nnonsense,1,2\n127.10.1.9,yesterday\n127.10.1.9,11/21/2026,,,,,PURPLE\n".encode())
    assert len(said.rows) == 1 and [line for line, _ in said.unreadable] == [3, 4, 5]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_any_encoding_and_delimiter(encoding: str) -> None:
    text = f"{HEADS}\n{GREEN}Grüße\n".replace('"1,204"', "1204").replace(",", ";")
    assert [row.grade for row in parse(text.encode(encoding)).rows] == ["good"]


def test_postmaster_tools_as_json_of_both_versions() -> None:
    v1 = rows(json.dumps(V1))
    assert v1["brightfield.example"][0] == "fair" and v1["brightfield.example"][1]["dkim_rate"] == 0.99 and v1["127.10.1.3"][0] == "poor"
    v2 = rows(json.dumps(V2))
    assert v2["brightfield.example"] == ("poor", {"spam_rate": 0.004, "dkim_rate": 0.99})


def test_postmaster_tools_as_csv() -> None:
    text = "Date,User-reported spam rate,Domain reputation\n2026-11-21,0.05%,HIGH\n2026-11-20,0.31%,HIGH\n"
    assert not rows(text), "it does not say whose"
    found = parse(text.encode(), "brightfield.example").rows
    assert [(row.day, row.grade) for row in found] == [(date(2026, 11, 21), "good"), (date(2026, 11, 20), "poor")]


def test_too_much_is_refused_in_words() -> None:
    assert "larger" in parse(b"x" * (MAX_BYTES + 1)).unreadable[0][1]
    assert parse(b"").unreadable and parse(b"a,b\n1,2\n").unreadable and parse(b"[" * 100_000).unreadable


_CELLS = st.one_of(st.text(max_size=30), st.sampled_from(["127.10.1.1", "11/21/2026", "GREEN", "0.1%", "date", "domain", "=1+1", "\x00", '"', "1e999", "²"]))
_KEYS = ["name", "trafficStats", "domainStats", "date", "value", "year", "month", "day", "ipReputations", "sampleIps", "reputation", "metric"]
_VALUES = st.sampled_from(["domains/a.example/trafficStats/20261121", "domains/a.example/domainStats/1", "HIGH", "spam", "127.10.1.1", "١"])
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), _VALUES, st.text(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(_KEYS), inner, max_size=6)),
    max_leaves=20,
)
_CSV = st.lists(st.lists(_CELLS, max_size=15), max_size=6).map(lambda table: "\n".join(",".join(cells) for cells in table).encode("utf-8", "replace"))


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), _CSV, _JSON.map(lambda value: json.dumps(value).encode())))
@example(b'"' + b"x" * 200_000)
@example(b'{"trafficStats": {"a": 1}}')
def test_no_file_is_a_surprise(raw: bytes) -> None:
    for row in parse(raw, "a.example").rows:
        assert row.grade in ProviderGrade.Grade.values and row.source in ProviderGrade.Source.values
        assert len(row.said) <= 60 and "\x00" not in json.dumps(row.figures)
        json.loads(json.dumps(row.figures, allow_nan=False))


# -- storing -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "snds.csv"
    today = now().date()
    old, new = today - timedelta(days=8), today - timedelta(days=2)
    stranger = GREEN.replace("127.10.1.1", "203.0.113.7")
    path.write_text("\n".join([HEADS, GREEN.replace("11/21/2026", f"{new:%m/%d/%Y}"), RED.replace("11/21/2026", f"{old:%m/%d/%Y}"), stranger]))
    return path


def test_a_file_is_stored_once_for_what_is_ours(ips: list[SendingIP], file: Path) -> None:
    for _ in range(2):
        call_command("import_grades", str(file), stdout=StringIO(), stderr=StringIO())
    assert set(ProviderGrade.objects.values_list("ip__address", "grade", "provider")) == {
        ("127.10.1.1", "good", "microsoft_consumer"), ("127.10.1.2", "bad", "microsoft_consumer"),
    }  # fmt: skip
    assert [row.subject for row in that_count()] == ["127.10.1.1"], "after a week a grade counts no more"


def test_a_dry_run_stores_nothing(ips: list[SendingIP], file: Path, tmp_path: Path) -> None:
    told = StringIO()
    call_command("import_grades", str(file), "--dry-run", stdout=told, stderr=StringIO())
    assert "2 rows would be stored" in told.getvalue() and not ProviderGrade.objects.exists()
    (tmp_path / "x").write_text("nothing, here\n")
    with pytest.raises(CommandError):
        call_command("import_grades", str(tmp_path / "x"), stderr=StringIO())


def test_domains_are_ours_or_they_are_not(ips: list[SendingIP]) -> None:
    SendingDomain.objects.create(tenant=Tenant.objects.create(name="t", title="T"), name="brightfield.example")
    other = json.dumps(V1).replace("brightfield", "somebody")
    seen = look_into(json.dumps(V1).encode())
    assert {row.subject for row in seen.known} == {"brightfield.example", "127.10.1.3"}
    assert [row.subject for row in look_into(other.encode()).unknown] == ["somebody.example"]
    assert store(seen.known, "f", "me") == 2 and grades.worst(ProviderGrade.objects.values_list("grade", flat=True)) == "poor"
