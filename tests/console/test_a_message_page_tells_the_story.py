"""The message page: what became of it, the provider's own words, and only words."""

from urllib.parse import urlencode

from delivery.models import Body, Delivery, Event, Waiting
from mailplatform.shell.models import AuditEntry
from tests.console.world import REPLY, World, add_attempt, add_message

EVIL = '<script>alert(1)</script><img src=x onerror=alert(2)>"\'{{7*7}}'


def test_it_shows_the_answer_and_every_reply(as_role, world: World) -> None:
    page = as_role("viewer").get(f"/messages/{world.deliveries['delivered']}/").content.decode()
    assert "Delivered to orders@brightfield.example after 0.67" in page and "2nd attempt" in page
    assert REPLY.replace("<", "&lt;").replace(">", "&gt;") in page and "451 4.7.500 Server busy" in page
    assert "TLSv1.3" in page and "brightfield-example.mail.protection.outlook.com" in page and "127.10.1.1" in page and "m-busy" in page


def test_it_says_why_each_path_won(as_role, world: World) -> None:
    page = as_role("viewer").get(f"/messages/{world.deliveries['delivered']}/").content.decode()
    assert "Taken by 127.10.1.1 after 12 ms: 127.10.2.1 had tried it before; 127.10.1.2 was at its 5 connections to Microsoft 365." in page.replace("\xa0", " ")


def test_the_first_line_of_each_state(as_role, world: World) -> None:
    said = {
        "bounced": "Bounced: Gmail will not take mail for nobody@gmail.com",
        "deferred": "Deferred by Gmail; max@gmail.com is tried again in",
        "held": "Held for a person: engines died twice",
        "scheduled": "Scheduled: it leaves for t@gmail.com in",
        "queued": "Waiting in the queue for q@gmail.com at Gmail",
        "sending": "Being sent to s@gmail.com now",
        "cancelled": "Cancelled before it reached z@yahoo.com",
        "suppressed": "is on the tenant&#x27;s suppression list",
        "expired": "Expired: slow@small.example could not be reached",
    }
    client = as_role("viewer")
    for name, sentence in said.items():
        assert sentence in client.get(f"/messages/{world.deliveries[name]}/").content.decode(), name


def test_it_is_live_until_it_is_final(as_role, world: World) -> None:
    client = as_role("viewer")
    assert "data-live" in client.get(f"/messages/{world.deliveries['deferred']}/").content.decode()
    assert "data-live" not in client.get(f"/messages/{world.deliveries['delivered']}/").content.decode()


def test_hostile_words_stay_words(as_role, world: World) -> None:
    [evil] = add_message(world, subject=EVIL, recipients=(f"{EVIL}@gmail.com",), sender=EVIL, tags=(EVIL,), final="bounced", reply=EVIL, reason="hard.a")
    why = {EVIL: EVIL, "e": EVIL, "w": EVIL, "o": [[EVIL, EVIL, EVIL], [1, EVIL, 2], EVIL]}
    add_attempt(world, evil, 1, "bounced", EVIL[:60], "550 " + EVIL, mx_host=EVIL[:200], tls=EVIL, rule="x" * 10, why=why)
    done_at, tenant_id = Delivery.objects.get(pk=evil).done_at, world.tenants["harbour"].pk
    Event.objects.create(id=world.deliveries["delivered"], delivery_id=evil, tenant_id=tenant_id, kind=EVIL[:30], at=done_at, data={"sentence": EVIL})
    query = urlencode({"q": EVIL, "who": EVIL, "subject": EVIL, "name": EVIL})
    asked = [f"/{page}/?{query}" for page in ("search", "audit", "messages", "domains")]
    for url in (f"/messages/{evil}/", "/messages/", f"/messages/{evil}/content/", *asked):
        response = as_role("administrator").get(url, follow=True)
        assert response.status_code == 200, url
        page = response.content.decode()
        assert "<script>alert" not in page and "<img src=x" not in page, url


def test_reading_a_body_is_a_permission_and_audited(as_role, world: World) -> None:
    url = f"/messages/{world.deliveries['delivered']}/content/"
    assert as_role("viewer").get(url).status_code == 403
    assert AuditEntry.objects.filter(action="message read").count() == 0
    page = as_role("operator").get(url).content.decode()
    assert "Your code is 482 911." in page and "sandbox" in page
    assert "482" not in AuditEntry.objects.get(action="message read").sentence


def test_the_frame_is_a_cage(as_role, world: World) -> None:
    client = as_role("operator")
    page = client.get(f"/messages/{world.deliveries['delivered']}/content/").content.decode()
    src = page.split('sandbox src="')[1].split('"')[0]
    response = client.get(src)
    policy = response["Content-Security-Policy"]
    assert "sandbox" in policy and "allow-scripts" not in policy and "default-src 'none'" in policy and "script-src" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert as_role("administrator").get(src).status_code == 403  # somebody else's ticket
    assert client.get(src[:-3] + "xx/").status_code in (403, 404)


def test_a_body_that_is_gone_or_broken_is_said_to_be(as_role, world: World) -> None:
    client = as_role("operator")
    Body.objects.all().delete()
    assert "no longer kept" in client.get(f"/messages/{world.deliveries['delivered']}/content/").content.decode()
    [broken] = add_message(world, mime=b"Subject: x\r\nContent-Type: text/html; charset=nonsense\r\n\r\n\xff\xfe\x00<b>")
    assert client.get(f"/messages/{broken}/content/").status_code == 200


def test_what_waits_can_be_let_go(as_role, world: World) -> None:
    client = as_role("operator")
    for name, waits_for in (("held", "hold"), ("deferred", "retry"), ("scheduled", "schedule")):
        assert client.post(f"/messages/{world.deliveries[name]}/release/", {"waits_for": waits_for}).status_code == 302
        row = Waiting.objects.get(pk=world.deliveries[name])
        assert row.why == "retry" and row.due_at is not None
        assert Event.objects.filter(delivery_id=world.deliveries[name], kind__in=["released", "retried"]).count() == 1
    assert as_role("viewer").post(f"/messages/{world.deliveries['held']}/release/", {"waits_for": "hold"}).status_code == 403
    assert client.post(f"/messages/{world.deliveries['held']}/release/", {"waits_for": "nonsense"}).status_code == 404


def test_cancelling_takes_it_out_of_the_queue(as_role, world: World) -> None:
    as_role("operator").post(f"/messages/{world.deliveries['queued']}/cancel/")
    assert Delivery.objects.get(pk=world.deliveries["queued"]).final == "cancelled"
    page = as_role("operator").post(f"/messages/{world.deliveries['sending']}/cancel/", follow=True).content.decode()
    assert "Nothing was left to cancel" in page and Delivery.objects.get(pk=world.deliveries["sending"]).final is None
    assert AuditEntry.objects.filter(action="message cancelled").count() == 1


def test_a_message_to_many_shows_who_else(as_role, world: World) -> None:
    page = as_role("viewer").get(f"/messages/{world.deliveries['many']}/").content.decode()
    assert "30 in all" in page and "30 delivered" in page and "r7@gmail.com" in page


def test_an_unknown_id_is_not_found(as_role, db) -> None:
    assert as_role("viewer").get("/messages/0193a5f2-7c1e-7b42-9d1a-5e8f2c000100/").status_code == 404
