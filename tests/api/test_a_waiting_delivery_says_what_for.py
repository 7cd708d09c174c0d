"""GET /messages/{id}: what each delivery waits for, in a closed vocabulary and a sentence, without a word of others' mail or of our machines."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from delivery.models import Attempt, Claimed, Delivery, Engine, IpLease, Ready, Waiting, WaitingFor
from delivery.waits import WHAT, For
from mailplatform.shell.clock import now
from mailplatform.shell.ids import attempt_id
from pools.models import Node, Path, Pool, PoolMember, Provider, SendingIP, Zone
from tests.api.world import Sender

EVIDENCE = "g-busy: 421 4.7.28 your message for ceo@othertenant.example was refused"


@pytest.fixture
def gmail(db: None) -> Provider:
    return Provider.objects.create(key="google", name="Gmail")


@pytest.fixture
def ip(acme: Sender) -> SendingIP:
    """The only one of the tenant's pool, owned by an engine that lives."""
    node = Node.objects.create(zone=Zone.objects.create(name="secretzone"), name="secretnode")
    made = SendingIP.objects.create(node=node, address="203.0.113.7", ehlo_name="mta.example.com")
    PoolMember.objects.create(pool=Pool.objects.get(name="shared"), ip=made)
    engine = Engine.objects.create(node=node, slot=0, pid=1, started_at=now(), renewed_at=now() + timedelta(minutes=5))
    IpLease.objects.create(ip=made, engine=engine, granted_at=now())
    return made


def told(client: Client, acme: Sender, table: type, provider: Provider | None = None, **fields: Any) -> dict[str, Any] | None:
    sent = acme.send(client).json()
    id_ = sent["deliveries"][0]["id"]
    Waiting.objects.filter(pk=id_).delete()
    row = {
        "tenant_id": acme.tenant.pk, "stream_id": 1, "domain_id": 1, "pool_id": Pool.objects.get(name="shared").pk, "purpose": 0, "size_bytes": 1,
        "provider_id": provider.pk if provider else None, "recipient": "anna@gmail.com", "body_id": sent["id"], "ready_at": now(), "expires_at": now(),
    }  # fmt: skip
    table.objects.create(id=id_, **{**row, **fields})
    answer = acme.get(client, f"messages/{sent['id']}").json()["deliveries"][0]
    words = answer["waiting_for"]["sentence"] if answer["waiting_for"] else ""
    assert not any(secret in words for secret in ("othertenant", "secretnode", "secretzone", "g-busy")), words
    return answer["waiting_for"] and {**answer["waiting_for"], "sentence": words.replace("\u00a0", " ")}


def test_with_an_open_path_it_waits_for_its_turn(client: Client, acme: Sender, gmail: Provider, ip: SendingIP) -> None:
    assert told(client, acme, Ready, gmail) == {"what": "turn", "until": None, "sentence": "In its turn: 203.0.113.7 takes mail to Gmail now."}


@pytest.mark.parametrize(
    ("fields", "what", "words"),
    [
        ({"binds": "connections", "limits_now": {"figure": 5, "connections_open": 5}}, "limit", "203.0.113.7: at its 5 of 5 connections to Gmail."),
        ({"binds": "rate", "limits_now": {"figure": 20, "per_s": 60}, "binds_until": 3}, "limit", "at its 20 a minute to Gmail: the next goes in 3"),
        ({"binds": "hour", "limits_now": {"figure": 1000, "per_s": 3600}, "binds_until": 900}, "limit", "the hour's 1,000 to Gmail are used up until about"),
        ({"binds": "day", "limits_now": {"figure": 50, "day_used": 50, "day_by": "warming"}}, "limit", "warming: 50 of 50 in this day to Gmail"),
        ({"binds": "suspended", "binds_until": 600, "why": EVIDENCE}, "suspended", "203.0.113.7: Gmail asked it to wait until"),
        ({"binds": "circuit", "binds_until": 60, "circuit_failures": 3, "why": EVIDENCE}, "unreachable", "did not answer it; the next probe goes in 60 s"),
        ({"state": "paused"}, "path", "203.0.113.7: it was paused."),
        ({"state": "quarantined", "why": EVIDENCE}, "path", "it is in quarantine."),
        ({"suspended_until": 600, "why": EVIDENCE}, "suspended", "Gmail asked it to wait until"),
    ],
)  # fmt: skip
def test_with_none_it_says_which_limit_binds(client: Client, acme: Sender, gmail: Provider, ip: SendingIP, fields: dict, what: str, words: str) -> None:
    times = {name: now() + timedelta(seconds=value + 0.4) for name, value in fields.items() if name in ("binds_until", "suspended_until")}
    Path.objects.create(ip=ip, provider=gmail, updated_at=now(), **{**fields, **times})
    waits = told(client, acme, Ready, gmail)
    assert waits and waits["what"] == what and words in waits["sentence"], waits
    assert (waits["until"] is not None) == bool(times)


def test_what_an_engine_said_and_is_over_is_not_told(client: Client, acme: Sender, gmail: Provider, ip: SendingIP) -> None:
    Path.objects.create(ip=ip, provider=gmail, updated_at=now(), binds="suspended", binds_until=now() - timedelta(seconds=1), why=EVIDENCE)
    assert told(client, acme, Ready, gmail)["what"] == "turn"  # type: ignore[index]


def test_a_dead_server_is_said_to_be_down(client: Client, acme: Sender, gmail: Provider, ip: SendingIP) -> None:
    Engine.objects.all().delete()
    assert told(client, acme, Ready, gmail) == {"what": "path", "until": None, "sentence": "203.0.113.7: its server is down."}


def test_a_pool_without_ips_is_said_to_have_none(client: Client, acme: Sender, gmail: Provider) -> None:
    assert told(client, acme, Ready, gmail)["what"] == "path"  # type: ignore[index]


@pytest.mark.parametrize(
    ("fields", "what", "words"),
    [
        ({"why": "sorting", "scope": "gmail.com"}, "sorting", "The mail hosts of gmail.com are being looked up"),
        ({"why": "retry", "scope": "its DNS does not answer", "due_at": True}, "retry", "its DNS does not answer"),
        ({"why": "schedule", "due_at": True}, "schedule", "The tenant asked for it to be sent at"),
        ({"why": "hold", "scope": "tried 200 times"}, "hold", "A person must decide: tried 200 times."),
        ({"why": "campaign", "scope": "Gmail blocked some of this campaign"}, "campaign", "Gmail blocked some of this campaign."),
        ({"why": "quota"}, "quota", "used up"),
        ({"why": "retry", "scope": "tls:old.example", "due_at": True}, "tls", "old.example offers no TLS that may be used; it is tried again at"),
    ],
)
def test_what_waits_elsewhere_says_why(client: Client, acme: Sender, fields: dict, what: str, words: str) -> None:
    due = {"due_at": now() + timedelta(minutes=4)} if fields.get("due_at") else {}
    waits = told(client, acme, Waiting, **{**fields, **due})
    assert waits and waits["what"] == what and words in waits["sentence"], waits
    assert (waits["until"] is not None) == bool(due)


def test_a_retry_quotes_the_reply_that_its_own_mail_got(client: Client, acme: Sender, gmail: Provider) -> None:
    sent = acme.send(client).json()
    delivery = Delivery.objects.get()
    Waiting.objects.update(why="retry", due_at=now() + timedelta(minutes=4), provider_id=gmail.pk, attempts=1)
    Attempt.objects.create(
        id=attempt_id(delivery.pk, 1), engine_id=1, ip_id=1, pool_id=1, provider_id=gmail.pk, started_at=now(), verdict="deferred", reason="soft.greylist",
        fault="destination", phase="rcpt", code=451, enhanced="4.7.1", reply="451 4.7.1 Greylisted",
    )  # fmt: skip
    waits = acme.get(client, f"messages/{sent['id']}").json()["deliveries"][0]["waiting_for"]
    assert waits["what"] == "retry" and "after: 451 4.7.1 Greylisted" in waits["sentence"]


def test_what_is_being_sent_or_done_waits_for_nothing(client: Client, acme: Sender, gmail: Provider) -> None:
    assert told(client, acme, Claimed, gmail, engine_id=1, claimed_at=now()) is None
    Delivery.objects.update(final="delivered", done_at=now())
    message = Delivery.objects.get().pk
    assert acme.get(client, f"messages/{str(message)[:-6]}000000").json()["deliveries"][0]["waiting_for"] is None


def test_the_vocabulary_covers_every_reason_to_wait() -> None:
    assert set(WaitingFor.values) <= set(WHAT) and {*For} <= set(WHAT)
