"""The pages: what is listed and what we did, what a person may press, the import of grades with its preview."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from mailplatform.sandbox.aside import Aside
from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from mailplatform.tenants.models import Tenant, User
from pools.listings.figures import listings_of
from pools.listings.models import AddressCheck, DnsblZone, Listing, ProviderGrade
from pools.listings.zones import load_zones
from pools.models import SendingIP
from tests.listings.conftest import Watch, open_listings, zone
from tests.listings.test_grades_are_read_from_providers_files import GREEN, HEADS

ZEN = "zen.spamhaus.org"
Sign = Callable[[str], Client]


@pytest.fixture
def sign_in(db: None, settings: Any) -> Iterator[Sign]:
    tenant = Tenant.objects.create(name="t", title="T")

    def as_role(role: str) -> Client:
        user = User.objects.create_user(f"{role}@platform.test", "correct horse battery staple", role=role, tenant=tenant if role == "tenant" else None)
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    yield as_role


def list_it(ip: SendingIP, name: str = ZEN, severity: str = "critical", **values: Any) -> Listing:
    at = now() - timedelta(minutes=5)
    said = {"codes": ["127.0.0.3"], "means": "CSS: sends like a spammer", "said": severity, "listed_since": at, "last_seen_at": at, **values}
    return Listing.objects.create(ip=ip, zone=name, severity=severity, **said)


def test_the_worst_comes_first_with_its_removal_and_what_we_did(ips: list[SendingIP], sign_in: Sign) -> None:
    load_zones()
    list_it(ips[1], "bl.spamcop.net", "warning")
    list_it(ips[0], reason='<script>alert("x")</script>')
    text = sign_in("viewer").get("/listings/").content.decode().replace("\xa0", " ")
    assert "1 listing takes an IP out" in text and text.index("127.10.1.1") < text.index("127.10.1.2")
    assert "https://check.spamhaus.org/results/?query=127.10.1.1" in text and "CSS: sends like a spammer" in text
    assert "its score is lower" in text and "<script>alert" not in text
    assert "Look again now" not in text, "who looks only has no buttons"


def test_with_nothing_listed_it_says_so(ips: list[SendingIP], sign_in: Sign) -> None:
    load_zones()
    assert "None of our IPs is on a block list" in sign_in("viewer").get("/listings/").content.decode().replace("\xa0", " ")


@pytest.mark.parametrize("role", ["viewer", "staff", "tenant"])
def test_who_does_not_steer_presses_nothing(ips: list[SendingIP], sign_in: Sign, role: str) -> None:
    load_zones()
    client, one = sign_in(role), list_it(ips[0])
    urls = [f"/listings/{one.pk}/look/", f"/listings/lists/{zone().pk}/look/", f"/listings/lists/{zone().pk}/asked/", f"/listings/lists/{zone().pk}/many/"]
    for url in [*urls, f"/listings/names/{ips[0].pk}/look/", "/listings/sandbox/", "/listings/grades/upload/", "/listings/grades/store/"]:
        assert client.post(url, {"asked": "never", "weight": "critical"}).status_code == 403, url
    assert client.get("/listings/").status_code == (403 if role == "tenant" else 200)
    one.refresh_from_db()
    assert one.look_wanted_at is None and zone().asked == "sandbox"


def test_an_operator_looks_again_and_turns_a_list_off_and_on(ips: list[SendingIP], sign_in: Sign) -> None:
    load_zones()
    client, one = sign_in("operator"), list_it(ips[0])
    client.post(f"/listings/{one.pk}/look/")
    one.refresh_from_db()
    assert one.look_wanted_at is not None and AuditEntry.objects.filter(action="looked again").count() == 1
    client.post(f"/listings/lists/{zone().pk}/asked/", {"asked": "never"})
    assert zone().asked == "never" and AuditEntry.objects.filter(action="block list turned off").count() == 1
    client.post(f"/undo/{client.session['undo']['id']}/")
    assert zone().asked == "sandbox"


def test_a_list_that_names_very_many_is_believed_by_a_persons_word_only(ips: list[SendingIP], sign_in: Sign) -> None:
    load_zones()
    client = sign_in("operator")
    assert client.post(f"/listings/lists/{zone().pk}/many/", {"weight": "critical"}).status_code == 404, "it does not name very many"
    DnsblZone.objects.filter(zone=ZEN).update(health="mass", health_why="it lists 6 of our 6 at once")
    assert "lists very many of our IPs at once" in client.get("/listings/").content.decode().replace("\xa0", " ")
    client.post(f"/listings/lists/{zone().pk}/many/", {"weight": "critical"})
    assert zone().many_allowed == "critical" and AuditEntry.objects.filter(action__startswith="block list's many").exists()


def test_the_sandbox_lists_an_ip_and_takes_it_off(watch: Watch, well: Aside, sign_in: Sign, settings: Any, ips: list[SendingIP]) -> None:
    settings.SANDBOX_URL = well.url
    client = sign_in("operator")
    watch.step()
    client.post("/listings/sandbox/", {"ip": ips[3].pk})
    watch.steps(2)
    assert open_listings() == {("127.10.1.4", ZEN): "critical"}
    client.post("/listings/sandbox/", {"ip": ips[3].pk, "off": "yes"})
    watch.steps(2)
    assert open_listings() == {}
    settings.MAIL_MODE = "live"
    assert client.post("/listings/sandbox/", {"ip": ips[3].pk}).status_code == 403


def test_a_file_is_shown_before_it_is_stored(ips: list[SendingIP], sign_in: Sign) -> None:
    client = sign_in("operator")
    today = f"{now():%m/%d/%Y}"
    lines = [HEADS, GREEN.replace("11/21/2026", today), GREEN.replace("127.10.1.1", "203.0.113.9"), "=cmd|' /C calc'!A0,1"]
    response = client.post("/listings/grades/upload/", {"file": SimpleUploadedFile("snds.csv", "\n".join(lines).encode())}, follow=True)
    text = response.content.decode().replace("\xa0", " ")
    assert "1 grade of 1 of our IPs" in text and "203.0.113.9" in text and "Lines that could not be read" in text
    assert not ProviderGrade.objects.exists(), "a look stores nothing"
    assert "Imported 1 grades" in client.post("/listings/grades/store/", follow=True).content.decode().replace("\xa0", " ")
    assert ProviderGrade.objects.get().imported_by == "operator@platform.test"
    assert client.post("/listings/grades/store/", follow=True).status_code == 200 and ProviderGrade.objects.count() == 1
    assert AuditEntry.objects.filter(action="grades imported").count() == 1


@pytest.mark.parametrize("raw", [b"", b"\x00\xff\xfe", b"nonsense", b"[[[[", b"x" * 1_000_001])
def test_a_hostile_file_is_only_told(ips: list[SendingIP], sign_in: Sign, raw: bytes) -> None:
    client = sign_in("operator")
    assert client.post("/listings/grades/upload/", {"file": SimpleUploadedFile("../../<b>.csv", raw)}, follow=True).status_code == 200
    assert client.post("/listings/grades/store/", follow=True).status_code == 200 and not ProviderGrade.objects.exists()


def test_a_list_of_ones_own_is_checked(db: None, sign_in: Sign) -> None:
    load_zones()
    client = sign_in("administrator")
    form = {"zone": "bl.own.example", "title": "Ours", "lists": "ip", "asked": "always", "weight": "critical", "ask_every_s": 900, "many_allowed": "info"}
    form |= {"meanings": "{}", "errors": "{}"}
    bad = {"zone": ("dnsbl.sorbs.net", "nothing"), "meanings": ('{"127.0.0.2": "x"}',), "delisting": ("javascript:alert(1)",), "errors": ("[]x",)}
    for wrong in ({name: value} for name, values in bad.items() for value in values):
        assert client.post("/admin/pools/dnsblzone/add/", form | wrong).status_code == 200, wrong
    assert not DnsblZone.objects.filter(shipped=False).exists()
    assert client.post("/admin/pools/dnsblzone/add/", form).status_code == 302
    load_zones()
    own = DnsblZone.objects.get(shipped=False)
    assert (own.zone, own.asked) == ("bl.own.example", "always"), "an upgrade leaves it alone"


def test_an_upgrade_keeps_what_an_operator_decided(db: None) -> None:
    load_zones()
    DnsblZone.objects.filter(zone=ZEN).update(asked="always", weight="info", ask_every_s=3600, meanings={})
    load_zones()
    assert (zone().asked, zone().weight, zone().ask_every_s) == ("always", "info", 3600) and zone().meanings


def test_an_ips_own_page_can_show_what_others_say(ips: list[SendingIP], sign_in: Sign) -> None:
    load_zones()
    list_it(ips[0])
    list_it(ips[0], "bl.spamcop.net", "warning", cleared_at=now())
    AddressCheck.objects.create(ip=ips[0], state="ok", since=now(), found=["a.test"], checked_at=now())
    with_days = {"source": "snds", "provider": "microsoft_consumer", "grade": "bad", "file": "f", "imported_by": "x", "imported_at": now()}
    for days in (1, 30):
        ProviderGrade.objects.create(ip=ips[0], subject=str(ips[0].address), day=now().date() - timedelta(days=days), **with_days)
    said = listings_of([ip.pk for ip in ips])
    mine, other = said[ips[0].pk], said[ips[1].pk]
    assert [row.listing.zone for row in mine.open] == [ZEN] and [one.zone for one in mine.past] == ["bl.spamcop.net"]
    assert mine.name is not None and len(mine.grades) == 1
    assert not other.open and other.name is None
    from django.template.loader import render_to_string

    assert "Ask for removal" in render_to_string("pools/listings_of_ip.html", {"said": mine})
