"""The console's pages of domains: for operators and for a tenant's own people; hostile answers are text."""


import pytest
from django.test import Client

from delivery.domains.run import check
from mailplatform.shell.models import AuditEntry
from mailplatform.tenants.models import SendingDomain, User
from tests.domains.conftest import House, make_house, say
from tests.resolver.zones import Zones

pytestmark = pytest.mark.django_db


def signed_in(role: str, house: House | None = None) -> Client:
    client = Client()
    of = house.tenant if house else None
    user = User.objects.create_user(f"{role}{of.pk if of else ''}@platform.test", "correct horse battery staple", role=role, tenant=of)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_what_is_wrong_is_shown_with_what_was_seen_and_what_to_publish(house: House) -> None:
    say(house.dns, "_dmarc.acme.test", "v=DMARC1; p=monitor")
    house.publish("ownership")
    check(house.fresh())
    page = signed_in("operator").get(f"/domains/{house.domain.pk}/").content.decode()
    shown = ("Here is what we saw", "v=DMARC1; p=monitor", "Its policy is “monitor”", "_domainkey.acme.test", "Check now", "Copy")
    for text in (*shown, house.domain.ownership_token):
        assert text in page, text
    assert "PRIVATE" not in page
    assert "not ready for bulk mail" in signed_in("viewer").get("/domains/").content.decode()


def test_hostile_answers_are_text(house: House) -> None:
    house.dns.records["_dmarc.acme.test", "TXT"] = ['"v=DMARC1; p=<script>alert(1)</script>\\000\\027[31m"']
    house.dns.records["_mailplatform.acme.test", "TXT"] = [f'"{"<script>" * 30}{n}"' for n in range(60)]
    check(house.fresh())
    page = signed_in("administrator").get(f"/domains/{house.domain.pk}/").content
    assert b"<script>alert" not in page and b"<script><script>" not in page and b"\x00" not in page and b"\x1b" not in page
    assert b"and 50 more" in page


def test_a_tenants_person_sees_and_steers_their_own_domains_only(house: House, dns: Zones) -> None:
    rival = make_house(dns, "rival", "rival.test")
    mine = signed_in("tenant", house)
    assert b"acme.test" in mine.get("/domains/").content and b"rival.test" not in mine.get("/domains/").content
    assert mine.get(f"/domains/{house.domain.pk}/").status_code == 200
    assert mine.get(f"/domains/{rival.domain.pk}/").status_code == 404
    for act in ("check", "rotate", "drop-keys", "change", "publish", "remove"):
        assert mine.post(f"/domains/{rival.domain.pk}/{act}/").status_code == 404, act
    assert mine.post(f"/domains/{house.domain.pk}/verify/").status_code == 403, "nobody vouches for themselves"
    mine.post("/domains/add/", {"name": "second.acme.test", "tenant": "rival"})
    assert SendingDomain.objects.get(name="second.acme.test").tenant == house.tenant


def test_a_person_of_the_platform_may_vouch_and_it_is_audited(house: House) -> None:
    signed_in("operator").post(f"/domains/{house.domain.pk}/verify/")
    assert house.fresh().verified_at is not None
    assert AuditEntry.objects.get(action="domain verified").actor == "operator@platform.test"
    viewer = signed_in("viewer")
    assert viewer.get(f"/domains/{house.domain.pk}/").status_code == 200
    assert viewer.post(f"/domains/{house.domain.pk}/rotate/").status_code == 403


def test_who_has_proved_it_is_told_that_it_is_taken_and_nobody_else(house: House, dns: Zones) -> None:
    house.publish("ownership")
    check(house.fresh())
    rival = make_house(dns, "rival", "acme.test")
    check(rival.fresh())
    theirs = signed_in("tenant", rival)
    assert b"another account" not in theirs.get(f"/domains/{rival.domain.pk}/").content
    say(dns, "_mailplatform.acme.test", f"mailplatform-verify={rival.domain.ownership_token}")
    check(rival.fresh())
    page = theirs.get(f"/domains/{rival.domain.pk}/").content
    assert b"another account" in page and b"Acme" not in page


def test_each_act_answers(house: House, dns: Zones) -> None:
    client = signed_in("operator")
    url = f"/domains/{house.domain.pk}/"
    house.publish()
    assert client.post(f"{url}check/").status_code == 302 and house.fresh().verified_at
    client.post(f"{url}change/", {"return_path": "bounces.acme.test", "rotate_days": "180"})
    assert (house.fresh().return_path_host, house.fresh().rotate_days) == ("bounces.acme.test", 180)
    client.post(f"{url}change/", {"return_path": "evil.test"})
    assert house.fresh().return_path_host == "bounces.acme.test"
    client.post(f"{url}rotate/")
    assert house.domain.dkim_keys.count() == 4
    client.post(f"{url}drop-keys/")
    assert house.domain.dkim_keys.count() == 2
    assert b"Delete it for good?" in client.get(f"{url}?about=removal").content
    client.post(f"{url}remove/")
    assert not SendingDomain.objects.filter(pk=house.domain.pk).exists()
