"""A campaign that a provider blocked and that is held: two clicks on the queues page send it."""

from datetime import timedelta

from delivery.models import CampaignBlock, Waiting
from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from tests.console.world import World, add_message, queue


def _held(world: World) -> CampaignBlock:
    stream = world.streams["lumen", 2]
    block = CampaignBlock.objects.create(
        provider=world.providers["google"], tenant=world.tenants["lumen"], stream=stream, fingerprint=7, state="content", started_at=now(),
        expires_at=now() + timedelta(hours=6),
    )  # fmt: skip
    block.sentence = f"campaign {block.pk} is refused at Gmail for its content, on every path tried: 550 5.7.1 spam"
    block.save()
    for id_ in add_message(world, "lumen", recipients=("a@gmail.com", "b@gmail.com"), purpose=2):
        queue(Waiting, world, id_, "lumen", 2, why="hold", scope=block.sentence, due_at=now() + timedelta(days=1))
    return block


def test_an_operator_releases_it_from_the_queues_page(as_role, world: World) -> None:
    block = _held(world)
    client = as_role("operator")
    assert f"/campaigns/{block.pk}/release/" in client.get("/queues/").content.decode()
    page = client.post(f"/campaigns/{block.pk}/release/", follow=True).content.decode()
    assert "2\u00a0deliveries can go" in page
    assert Waiting.objects.filter(why="retry", scope="", tenant_id=world.tenants["lumen"].pk).count() == 2
    block.refresh_from_db()
    assert block.state == "released" and AuditEntry.objects.filter(action="campaign released").count() == 1


def test_nobody_else_does(as_role, world: World) -> None:
    block = _held(world)
    for role in ("viewer", "staff", "tenant"):
        assert as_role(role).post(f"/campaigns/{block.pk}/release/").status_code == 403
    assert f"/campaigns/{block.pk}/release/" not in as_role("viewer").get("/queues/").content.decode()
    assert as_role("operator").post("/campaigns/999999/release/").status_code == 404
