"""Bounces, complaints and answers over SMTP: what follows from each, once, for its own tenant."""

import smtplib
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from delivery.queue.claim import Claim
from delivery.unsubscribe.token import token_of
from mailplatform.shell.ids import delivery_id, message_of
from tests.flow.platform import wait_until
from tests.queue.house import House, connect, engine, knows, rows
from tests.queue.test_what_became_of_a_delivery_is_recorded_once import claimed, keep, settled
from tests.returns.arrivals import FEEDBACK, KEYS, Served, bounce, complaint, counted, delivered, events, listening, path_of, state, suppressed

pytestmark = pytest.mark.django_db(transaction=True)
TO = "Anna.Keller@gmail.com"


@pytest.fixture
def served(tmp_path: Path, transactional_db: None) -> Iterator[Served]:
    with listening(tmp_path) as served:
        yield served


def _path_minute() -> dict[str, int]:
    names = ("bounced_recipient", "bounced_infrastructure", "complaints")
    return dict(zip(names, rows(f"SELECT {', '.join(f'coalesce(sum({name}), 0)::int' for name in names)} FROM pools_pathminute")[0], strict=True))


def _stream_minute() -> dict[str, int]:
    names = ("bounced", "bounced_other", "complaints")
    return dict(zip(names, rows(f"SELECT {', '.join(f'coalesce(sum({name}), 0)::int' for name in names)} FROM pools_streamminute")[0], strict=True))


def test_a_hard_bounce_ends_its_delivery_suppresses_and_is_counted_once_however_often_it_comes(served: Served) -> None:
    house = House.build()
    (one,) = delivered(house, TO)
    for _ in range(3):
        assert served.send(path_of(one), bounce(TO)) == (250, "2.0.0 OK")
    assert state(one) == ("bounced", "hard.invalid_mailbox")
    assert rows("SELECT reply FROM delivery_delivery") == [("550 5.1.1 User unknown",)]
    assert events(one) == ["bounced_late"]
    assert suppressed() == [("harbour", TO.lower(), "bounce")]
    assert _path_minute() == {"bounced_recipient": 1, "bounced_infrastructure": 0, "complaints": 0}
    assert _stream_minute() == {"bounced": 1, "bounced_other": 0, "complaints": 0}
    assert counted() == {"hard_bounce": 1, "replayed": 2}


def test_a_soft_bounce_is_told_and_a_hard_one_after_it_ends_the_delivery_without_counting_again(served: Served) -> None:
    (one,) = delivered(House.build(), TO)
    served.send(path_of(one), bounce(TO, "452 4.2.2 Mailbox full"))
    assert state(one)[0] == "delivered" and events(one) == ["bounced_late"] and suppressed() == []
    served.send(path_of(one), bounce(TO))
    served.send(path_of(one), bounce(TO, "452 4.2.2 Mailbox full"))
    assert state(one) == ("bounced", "hard.invalid_mailbox")
    assert events(one) == ["bounced_late", "bounced_late"]
    assert _path_minute()["bounced_recipient"] == 1
    assert rows("SELECT hard, reason FROM delivery_cameback") == [(True, "hard.invalid_mailbox")]


def test_a_bounce_for_our_address_is_nobodys_but_ours(served: Served) -> None:
    call_command("load_catalogue")
    (one,) = delivered(House.build(), TO)
    served.send(path_of(one), bounce(TO, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"))
    assert state(one)[0] == "delivered" and suppressed() == []
    assert _path_minute()["bounced_infrastructure"] == 1
    assert _stream_minute() == {"bounced": 0, "bounced_other": 1, "complaints": 0}
    assert counted() == {"ours": 1}


def test_a_complaint_suppresses_for_its_tenant_in_all_streams(served: Served) -> None:
    house = House.build()
    House.build("lumen", house.pool)
    (one,) = delivered(house, TO)
    report = complaint(TO, f"Return-Path: <{path_of(one)}>\r\n")
    assert [served.send(FEEDBACK, report)[0] for _ in range(2)] == [250, 250]
    assert state(one)[0] == "delivered" and events(one) == ["complained"]
    assert suppressed() == [("harbour", TO.lower(), "complaint")]
    assert rows("SELECT stream_id FROM delivery_suppression") == [(None,)]
    assert _path_minute()["complaints"] == _stream_minute()["complaints"] == 1
    assert counted() == {"complaint": 1, "replayed": 1}


def test_what_still_waits_for_who_complained_is_not_sent_any_more(served: Served) -> None:
    house = House.build()
    (one,) = delivered(house, TO)
    house.put(house.message(TO))
    served.send(FEEDBACK, complaint(TO, f"Return-Path: <{path_of(one)}>\r\n"))
    assert rows("SELECT final, reason FROM delivery_delivery WHERE id <> %s", one) == [("suppressed", "suppressed.complaint")]


@pytest.mark.parametrize("field", ["mail_from", "returned", "link", "our_id"])
def test_a_report_is_matched_by_whatever_is_left_of_the_message(served: Served, field: str) -> None:
    (one,) = delivered(House.build(), TO)
    returned = {
        "returned": f"X-Original-Return-Path: <{path_of(one)}>\r\n",
        "link": f"List-Unsubscribe: <https://platform.example/u/{token_of(one, KEYS.secret)}>\r\n",
        "our_id": f"X-Mailplatform-Delivery: {one}\r\n",
    }.get(field, "")
    assert served.send(FEEDBACK, complaint("redacted", returned, path_of(one) if field == "mail_from" else "redacted"))[0] == 250
    assert events(one) == ["complained"]


def test_an_unsigned_id_speaks_only_for_the_one_recipient_that_could_know_it(served: Served) -> None:
    house = House.build()
    knows("gmail.com")
    alone = delivered(house, TO)[0]
    shared = house.message("a@gmail.com", "b@gmail.com")
    house.put(shared)
    with engine(house) as number:
        keep(number, *[settled(house, claim, number) for claim in claimed(house, knows("gmail.com").id, number)])
    served.send(FEEDBACK, complaint("b@gmail.com", f"X-Mailplatform-Delivery: {delivery_id(shared.id, 2)}\r\n"))
    served.send(FEEDBACK, complaint("somebody@else.example", f"X-Mailplatform-Delivery: {alone}\r\n"))
    assert suppressed() == [] and counted() == {"nameless": 2}
    served.send(FEEDBACK, complaint("redacted", f"Message-ID: <{message_of(alone)}@harbour.example>\r\n"))
    assert suppressed() == [("harbour", TO.lower(), "complaint")]


def test_who_did_not_sign_a_return_path_reaches_nothing(served: Served) -> None:
    (one,) = delivered(House.build(), TO)
    real = path_of(one)
    forged = real.replace(real[-40:-30], "0123456789")
    other_key = path_of(one, type(KEYS)(b"another installation's", KEYS.domain))
    for address in (forged, other_key, "postmaster@bounces.platform.example", "anna@gmail.com", "fbl@elsewhere.example", "b-@bounces.platform.example"):
        assert served.send(address, bounce(TO))[0] == 550
    assert state(one)[0] == "delivered"
    wait_until(lambda: counted().get("forged") == 2 and counted().get("refused") == 4, 10, f"they were counted: {counted()}")


def test_one_tenants_token_does_nothing_to_another(served: Served) -> None:
    """Tenant B's people send everything they have to their own return path, naming A's recipient and A's message inside."""
    harbour = House.build()
    lumen = House.build("lumen", harbour.pool)
    (mine,) = delivered(harbour, TO)
    (theirs,) = delivered(lumen, "bob@gmail.com")
    inside = f"Return-Path: <{path_of(theirs)}>\r\nX-Mailplatform-Delivery: {mine}\r\n"
    served.send(path_of(theirs), bounce(TO, returned=inside))
    served.send(FEEDBACK, complaint(TO, inside))
    assert state(mine)[0] == "delivered" and events(mine) == []
    assert {row[:2] for row in suppressed()} == {("lumen", "bob@gmail.com")}
    assert rows("SELECT DISTINCT tenant_id FROM delivery_cameback") == [(lumen.tenant.id,)]


def test_a_report_about_somebody_else_is_matched_and_says_so(served: Served) -> None:
    (one,) = delivered(House.build(), TO)
    served.send(path_of(one), bounce("forwarded@elsewhere.example"))
    note = rows("SELECT note FROM delivery_cameback")[0][0]
    assert "forwarded@elsewhere.example" in note and TO in note
    assert state(one)[0] == "bounced"


def test_return_paths_are_believed_for_so_many_days(tmp_path: Path) -> None:
    (one,) = delivered(House.build(), TO)
    with listening(tmp_path, believed_for=timedelta(0)) as served:
        assert served.send(path_of(one), bounce(TO))[0] == 250
    assert state(one)[0] == "delivered" and counted() == {"too_old": 1}


def test_a_return_path_of_a_delivery_that_never_went_is_counted_and_nothing_else(served: Served) -> None:
    house = House.build()
    knows("gmail.com")
    waiting = house.message(TO)
    house.put(waiting)
    gone = house.message("gone@gmail.com")
    assert served.send(path_of(waiting.deliveries[0].id), bounce(TO))[0] == 250
    assert served.send(path_of(gone.deliveries[0].id), bounce(TO))[0] == 250
    assert counted() == {"not_there": 2} and state(waiting.deliveries[0].id)[0] is None


def test_a_report_about_mail_that_was_refused_at_once_changes_nothing(served: Served) -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message(TO))
    with engine(house) as number:
        (claim,) = claimed(house, provider.id, number)
        keep(number, settled(house, claim, number, "bounced"))
    before = state(claim.id)
    assert served.send(path_of(claim.id), bounce(TO))[0] == 250
    assert state(claim.id) == before and suppressed() == [] and counted() == {"not_there": 1}


def test_a_bounce_that_overtakes_the_record_of_its_delivery_waits_for_it(served: Served) -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message(TO))
    answers: list[tuple[int, str]] = []
    with engine(house) as number:
        (claim,) = claimed(house, provider.id, number)
        sending = threading.Thread(target=lambda: answers.append(served.send(path_of(claim.id), bounce(TO))))
        sending.start()
        wait_until(lambda: served.writer.told.waited, 10, "it waits")
        keep(number, settled(house, claim, number))
        sending.join(20)
    assert answers == [(250, "2.0.0 OK")] and state(claim.id)[0] == "bounced"


def test_one_that_is_recorded_too_late_is_asked_to_come_again(served: Served) -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message(TO))
    with engine(house) as number:
        (claim,) = claimed(house, provider.id, number)
        assert served.send(path_of(claim.id), bounce(TO))[0] == 451
        assert counted() == {} and rows("SELECT 1 FROM delivery_claimed") == [(1,)]


def test_a_bounce_is_the_answer_that_was_lost(served: Served) -> None:
    """The dot was written, no answer came, the delivery waits for its next try; the provider had taken it, and sends it back."""
    house, provider = House.build(), knows("gmail.com")
    house.put(house.message(TO))
    with engine(house) as number:
        (claim,) = claimed(house, provider.id, number)
        keep(number, settled(house, claim, number, "unknown", due_at=_soon(claim)))
    served.send(path_of(claim.id), bounce(TO))
    assert state(claim.id) == ("bounced", "hard.invalid_mailbox") and rows("SELECT 1 FROM delivery_waiting") == []


def _soon(claim: Claim) -> object:
    return rows("SELECT now() + interval '1 hour'")[0][0]


def test_answers_of_machines_and_warnings_change_no_state(served: Served) -> None:
    (one,) = delivered(House.build(), TO)
    served.send(path_of(one), b"From: <anna@gmail.com>\r\nSubject: Away\r\nAuto-Submitted: auto-replied\r\n\r\nBack on Monday.\r\n", "anna@gmail.com")
    served.send(path_of(one), bounce(TO, "451 4.4.1 Connection timed out", action="delayed"))
    served.send(path_of(one), bounce(TO, "250 2.0.0 delivered", action="delivered"))
    served.send(path_of(one), b"From: <anna@gmail.com>\r\nSubject: Thanks!\r\n\r\nThat was quick.\r\n", "anna@gmail.com")
    assert state(one)[0] == "delivered" and suppressed() == [] and events(one) == ["replied_by_machine"]
    assert counted() == {"auto_reply": 1, "delayed": 1, "relayed": 1, "unknown": 1}


def test_mail_to_an_unsubscribe_address_unsubscribes(served: Served) -> None:
    (one,) = delivered(House.build(), TO)
    address = f"u-{token_of(one, KEYS.secret)}@{KEYS.domain}"
    assert served.send(address, b"Subject: unsubscribe\r\n\r\n", TO)[0] == 250
    assert suppressed() == [("harbour", TO.lower(), "unsubscribe")] and counted() == {"unsubscribed": 1}


def test_tls_is_offered_and_login_is_not(served: Served) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", served.port, timeout=10) as client:
        client.ehlo()
        assert client.has_extn("starttls") and not client.has_extn("auth")
        client.starttls(context=context)
        client.ehlo()
        assert not client.has_extn("auth") and not client.has_extn("starttls")
        assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] == 502


def test_nothing_is_taken_while_the_database_is_away(tmp_path: Path) -> None:
    (one,) = delivered(House.build(), TO)
    with listening(tmp_path) as served:
        url, served.writer._url = served.writer._url, "host=127.0.0.1 port=1 connect_timeout=1"
        assert served.send(path_of(one), bounce(TO))[0] == 451
        served.writer._url = url
        wait_until(lambda: served.send(path_of(one), bounce(TO))[0] == 250, 15, "it takes again")
    assert counted() == {"hard_bounce": 1}


def test_one_that_cannot_be_stored_holds_up_no_other(served: Served) -> None:
    first, second = delivered(House.build(), TO, "bob@gmail.com")
    with connect() as raw:
        raw.execute(f"ALTER TABLE delivery_cameback ADD CONSTRAINT not_this_one CHECK (delivery_id <> '{first}')")
    try:
        answers: dict[str, int] = {}
        both = [threading.Thread(target=lambda id_=id_: answers.update({str(id_): served.send(path_of(id_), bounce(TO))[0]})) for id_ in (first, second)]
        for each in both:
            each.start()
        for each in both:
            each.join(20)
    finally:
        with connect() as raw:
            raw.execute("ALTER TABLE delivery_cameback DROP CONSTRAINT not_this_one")
    assert answers == {str(first): 451, str(second): 250}
    assert state(first)[0] == "delivered" and state(second)[0] == "bounced"
