"""The console: operators see and change any tenant's list, a tenant's people theirs; files are looked at before they are taken in; everything is audited."""

from io import BytesIO

import pytest

from delivery.models import ImportState, Suppression, SuppressionImport
from delivery.suppressions import job
from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from tests.console.world import World
from tests.suppressions.files import FILES


def add(world: World, tenant: str, address: str, reason: str = "manual") -> Suppression:
    return Suppression.objects.create(tenant=world.tenants[tenant], address=address, reason=reason, created_at=now())


def upload(client, file: bytes, name: str = "list.csv", **form: object):
    body = BytesIO(file)
    body.name = name
    return client.post("/suppressions/imports/upload/", {"file": body, **form})


def test_a_tenants_people_see_theirs_alone(as_role, world: World) -> None:
    add(world, "harbour", "ours@gmail.com")
    theirs = add(world, "lumen", "theirs@gmail.com")
    client = as_role("tenant")
    for url in ("/suppressions/", f"/suppressions/?tenant={world.tenants['lumen'].pk}"):
        page = client.get(url).content
        assert b"ours@gmail.com" in page and b"theirs@gmail.com" not in page
    assert client.post(f"/suppressions/{theirs.pk}/remove/").status_code == 404
    assert client.get(f"/suppressions/of/{world.tenants['lumen'].pk}.csv").status_code == 404
    assert client.get(f"/suppressions/of/{world.tenants['harbour'].pk}.csv").status_code == 200
    client.post("/suppressions/add/", {"tenant": world.tenants["lumen"].pk, "address": "x@gmail.com"})
    assert Suppression.objects.get(address="x@gmail.com").tenant == world.tenants["harbour"]


def test_an_operator_sees_everybodys_and_filters(as_role, world: World) -> None:
    add(world, "harbour", "ours@gmail.com", "bounce")
    add(world, "lumen", "theirs@gmx.de")
    client = as_role("operator")
    page = client.get("/suppressions/").content
    assert b"ours@gmail.com" in page and b"theirs@gmx.de" in page
    lumen = f"tenant={world.tenants['lumen'].pk}"
    for query, seen in (("address=gmx", "theirs"), ("reason=bounce", "ours"), ("address=ours@gmail.com", "ours"), (lumen, "theirs")):
        page = client.get(f"/suppressions/?{query}").content.decode()
        assert [name for name in ("ours@", "theirs@") if f">{name}" in page] == [f"{seen}@"], query


@pytest.mark.parametrize("role", ["viewer", "staff"])
def test_who_only_looks_changes_nothing(as_role, world: World, role: str) -> None:
    row = add(world, "harbour", "ours@gmail.com")
    client = as_role(role)
    assert client.get("/suppressions/").status_code == 200
    assert client.post(f"/suppressions/{row.pk}/remove/").status_code == 403
    assert client.post("/suppressions/add/", {"tenant": row.tenant_id, "address": "x@gmail.com"}).status_code == 403
    assert upload(client, b"a@gmail.com", tenant=row.tenant_id).status_code == 403


def test_adding_and_removing_are_audited_and_removing_can_be_undone(as_role, world: World) -> None:
    client, harbour = as_role("operator"), world.tenants["harbour"]
    client.post("/suppressions/add/", {"tenant": harbour.pk, "address": "Anna@Gmail.com", "detail": "asked by phone"})
    row = Suppression.objects.get()
    assert (row.address, row.reason, row.detail) == ("anna@gmail.com", "manual", "asked by phone")
    client.post(f"/suppressions/{row.pk}/remove/")
    assert not Suppression.objects.exists()
    client.post(f"/undo/{client.session['undo']['id']}/")
    assert Suppression.objects.get().detail == "asked by phone"
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"suppression added", "suppression removed", "suppression removed undone"}


def test_a_complaint_is_removed_by_its_own_form_alone(as_role, world: World) -> None:
    row, client = add(world, "harbour", "anna@gmail.com", "complaint"), as_role("operator")
    assert b"called your mail spam" in client.get("/suppressions/").content
    client.post(f"/suppressions/{row.pk}/remove/")
    assert Suppression.objects.exists()
    client.post(f"/suppressions/{row.pk}/remove/", {"confirm": "complaint"})
    assert not Suppression.objects.exists()


def test_a_file_is_looked_at_confirmed_and_taken_in(as_role, world: World) -> None:
    client = as_role("tenant")
    answer = upload(client, FILES["Postmark"][0] + b"nobody,HardBounce,,\n", "postmark.csv")
    page = client.get(answer["Location"]).content.decode()
    assert "Postmark suppressions" in page and "c@gmail.com" in page and "unsubscribe" in page and "no @" in page
    assert not Suppression.objects.exists(), "nothing is taken in before it is confirmed"
    found = SuppressionImport.objects.get()
    stream = world.streams["harbour", 2].name
    client.post(f"/suppressions/imports/{found.pk}/confirm/", {"reason": "manual", "stream": stream})
    assert "data-live" in client.get(answer["Location"]).content.decode()
    job.run(found.pk)
    page = client.get(f"/suppressions/imports/{found.pk}/now/").content.decode()
    assert "4 addresses are new" in page and "Refused lines" in page and "data-live" not in page
    rows = {row.address: row.stream.name if row.stream else None for row in Suppression.objects.all()}
    assert rows == {"a@gmail.com": None, "b@gmail.com": None, "c@gmail.com": stream, "d@gmail.com": stream}
    assert AuditEntry.objects.filter(action="suppressions import begun").count() == 1


def test_a_preview_can_be_thrown_away_and_gives_way_to_the_next(as_role, world: World) -> None:
    client = as_role("tenant")
    upload(client, b"a@gmail.com\n")
    first = SuppressionImport.objects.get()
    upload(client, b"b@gmail.com\n")
    second = SuppressionImport.objects.get()
    assert first.pk != second.pk
    client.post(f"/suppressions/imports/{second.pk}/cancel/")
    second.refresh_from_db()
    assert second.state == ImportState.CANCELLED and not second.left.exists()
    client.post(f"/suppressions/imports/{second.pk}/confirm/", {"reason": "manual"})
    second.refresh_from_db()
    assert second.state == ImportState.CANCELLED


def test_another_tenants_import_is_not_there(as_role, world: World) -> None:
    upload(as_role("operator"), b"a@gmail.com\n", tenant=world.tenants["lumen"].pk)
    pk, client = SuppressionImport.objects.get().pk, as_role("tenant")
    assert client.get(f"/suppressions/imports/{pk}/").status_code == 404
    assert client.post(f"/suppressions/imports/{pk}/confirm/", {"reason": "manual"}).status_code == 404
    assert client.post(f"/suppressions/imports/{pk}/cancel/").status_code == 404


def test_what_cannot_be_read_is_said(as_role, world: World) -> None:
    client = as_role("tenant")
    assert b"No column" in client.get(upload(client, b"x,y\n1,2\n")["Location"]).content
    assert b"Choose a file" in client.get(client.post("/suppressions/imports/upload/", {})["Location"]).content


def test_hostile_words_are_shown_and_never_run(as_role, world: World) -> None:
    client = as_role("tenant")
    page = client.get(upload(client, b"email,<script>alert(1)</script>\na@gmail.com,x\n<img src=x>,y\n", "<b>.csv")["Location"]).content.decode()
    assert "<script>alert" not in page and "<img src=x>" not in page and "&lt;b&gt;.csv" in page
