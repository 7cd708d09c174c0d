"""Marketing over IPs that are others' too: refused with what is missing and where to look, unless SPF, DKIM and DMARC pass."""

from typing import Any

import pytest
from django.test import Client

from delivery.domains.alignment import lacks
from delivery.submit import facts
from mailplatform.tenants.models import SendingDomain
from pools.models import Pool, Stream
from tests.api.world import Sender, make_sender
from tests.neighbours.world import asks


def verdict(**states: str) -> dict[str, Any]:
    """As the last check leaves it; what is not named is met."""
    names = ("spf", "dkim", "dmarc", "alignment", "ptr", "spam_rate")
    requirements = [{"name": name, "title": name, "state": states.get(name, "met"), "sentence": "", "to_do": f"Publish {name}."} for name in names]
    providers = [{"name": name, "title": name, "link": "", "requirements": requirements} for name in ("gmail", "microsoft")]
    return {"state": "met", "sentence": "", "at": None, "providers": providers}


@pytest.mark.parametrize(
    ("states", "says"),
    [
        ({}, ""), ({"ptr": "not met", "spam_rate": "not met"}, ""), ({"dmarc": "not met"}, "It lacks a DMARC policy. Publish dmarc."),
        ({"dkim": "not met", "alignment": "not met"}, "It lacks a DKIM key in DNS and alignment with From. Publish dkim."),
        ({"spf": "unknown"}, "DNS could not be asked for SPF for the sending IPs. Check the domain again."),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(states: dict[str, str], says: str) -> None:
    assert lacks(verdict(**states)) == says


def test_what_was_never_looked_at_lacks_nothing_yet() -> None:
    assert lacks({}) == ""


@pytest.fixture
def acme(transactional_db: None) -> Sender:
    return make_sender("acme")


def judged(sender: Sender, **states: str) -> None:
    SendingDomain.objects.filter(tenant=sender.tenant).update(verdict=verdict(**states))
    facts.forget_cached()


def test_it_is_refused_by_name_with_a_link_and_only_there(acme: Sender, client: Client) -> None:
    asks(asks_alignment=True)
    judged(acme, dmarc="not met")
    refused = acme.send(client, stream="news")
    number = SendingDomain.objects.get(tenant=acme.tenant).pk
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "from"
    assert "acme.example: It lacks a DMARC policy." in refused.json()["errors"][0]["problem"]
    assert f"/domains/{number}/" in refused.json()["errors"][0]["problem"]
    assert acme.send(client).status_code == 202, "transactional mail goes"
    judged(acme)
    assert acme.send(client, stream="news").status_code == 202


def test_on_its_own_pool_a_tenant_may(acme: Sender, client: Client) -> None:
    asks(asks_alignment=True)
    judged(acme, dmarc="not met")
    Stream.objects.filter(tenant=acme.tenant, name="news").update(pool=Pool.objects.create(name="acme", kind="dedicated", tenant=acme.tenant))
    facts.forget_cached()
    assert acme.send(client, stream="news").status_code == 202


def test_the_policy_switches_it_off(acme: Sender, client: Client) -> None:
    asks(asks_alignment=False)
    judged(acme, dmarc="not met")
    assert acme.send(client, stream="news").status_code == 202


def test_what_comes_over_smtp_is_asked_the_same() -> None:
    """The reply is the header's: 550 5.7.1 and the same words (delivery.smtpd.submission reads the problem's field)."""
    from delivery.smtpd.submission import _told
    from delivery.submit.request import Refused, Why
    from mailplatform.shell.problems import Problem

    no = Refused(Why.INVALID, problems=[Problem("raw", "Marketing over shared IPs needs passing SPF, DKIM and DMARC.")])
    assert _told(no) == "550 5.7.1 Marketing over shared IPs needs passing SPF, DKIM and DMARC"
