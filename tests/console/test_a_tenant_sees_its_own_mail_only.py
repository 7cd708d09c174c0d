"""Isolation: another tenant's message does not exist."""

from delivery.models import Delivery
from tests.console.world import World


def test_the_search_shows_its_own(as_role, world: World) -> None:
    page = as_role("tenant").get("/messages/").content.decode()
    assert "orders@brightfield.example" in page and "nobody@gmail.com" not in page and "max@gmail.com" not in page


def test_another_tenants_message_is_not_there(as_role, world: World) -> None:
    client = as_role("tenant")
    for name in ("bounced", "deferred", "cancelled", "many"):
        for path in ("", "now/", "content/"):
            assert client.get(f"/messages/{world.deliveries[name]}/{path}").status_code == 404, name
    assert client.get(f"/messages/{world.deliveries['delivered']}/").status_code == 200


def test_no_filter_reaches_over(as_role, world: World) -> None:
    client, other = as_role("tenant"), world.tenants["lumen"].pk
    for query in (f"tenant={other}", "recipient=nobody@gmail.com", "subject=Summer", "state=bounced", "state=deferred", "tag=comment"):
        page = client.get(f"/messages/?{query}").content.decode()
        assert 'href="/messages/0' not in page or "brightfield" in page, query
        assert "nobody@gmail.com</a>" not in page and "max@gmail.com</a>" not in page, query


def test_the_top_search_does_not_lead_there(as_role, world: World) -> None:
    response = as_role("tenant").get(f"/search/?q={world.deliveries['bounced']}", follow=True)
    assert "nobody@gmail.com" not in response.content.decode()
    assert as_role("tenant").get("/search/?q=lumen")["Location"].startswith("/messages/")


def test_it_cannot_cancel_what_is_not_its_own(as_role, world: World) -> None:
    assert as_role("tenant").post(f"/messages/{world.deliveries['deferred']}/cancel/").status_code == 404
    assert as_role("tenant").post(f"/messages/{world.deliveries['scheduled']}/cancel/").status_code == 302
    assert Delivery.objects.get(pk=world.deliveries["deferred"]).final is None
    assert Delivery.objects.get(pk=world.deliveries["scheduled"]).final == "cancelled"


def test_it_sees_no_other_page_in_the_navigation(as_role) -> None:
    page = as_role("tenant").get("/messages/").content.decode()
    assert 'href="/pools/"' not in page and 'href="/audit/"' not in page and 'href="/messages/"' in page
